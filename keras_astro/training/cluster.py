"""Which processes train together: read from `TF_CONFIG` or from Slurm's variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keras_astro.config import TrainConfig
from keras_astro.errors import ConfigError, UsageError

SHARED = ("mirrored", "multiworker")
SLURM_FIRST_PORT = 12300


@dataclass(frozen=True)
class Cluster:
    """Addresses of all workers, and which of them this process is.

    Args:
        addresses: `host:port` of each worker, the chief first.
        index: Place of this process; 0 is the chief, which alone writes files.

    Example:
        >>> Cluster(("a:1",), 0).tf_config()
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.index == 0

    def tf_config(self) -> str:
        """What TensorFlow reads from the variable `TF_CONFIG`."""
        workers = {"worker": list(self.addresses)}
        return json.dumps(
            {"cluster": workers, "task": {"type": "worker", "index": self.index}}
        )


def find_cluster(environment: Mapping[str, str]) -> Cluster:
    """The cluster that the environment describes; `TF_CONFIG` comes before Slurm.

    Raises:
        UsageError: If there is none, or it cannot be understood.
    """
    if environment.get("TF_CONFIG"):
        return _from_tf_config(environment["TF_CONFIG"])
    if "SLURM_PROCID" in environment:
        return _from_slurm(environment)
    raise UsageError(
        "strategy multiworker: neither TF_CONFIG nor Slurm's variables say who the "
        "workers are",
        hint="Start them with: kastro launch --workers 2 -- train ..., or with srun.",
    )


def _from_tf_config(text: str) -> Cluster:
    try:
        found = json.loads(text)
        jobs, task = found["cluster"], found["task"]
        addresses = tuple(jobs.get("chief", [])) + tuple(jobs.get("worker", []))
        index = int(task["index"])
        if task["type"] == "worker":
            index += len(jobs.get("chief", []))
        elif task["type"] != "chief":
            raise UsageError(
                f"TF_CONFIG: a task of type {task['type']} cannot train; expected "
                "chief or worker",
                hint="Start workers with kastro launch, which sets TF_CONFIG.",
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"TF_CONFIG: expected a cluster and a task, found {text[:80]}",
            hint='As in {"cluster": {"worker": ["host:port", ...]}, '
            '"task": {"type": "worker", "index": 0}}.',
        ) from error
    if not 0 <= index < len(addresses):
        raise UsageError(
            f"TF_CONFIG: task {index} of {len(addresses)} workers",
            hint="Start workers with kastro launch, which sets TF_CONFIG.",
        )
    return Cluster(addresses, index)


def _from_slurm(environment: Mapping[str, str]) -> Cluster:
    """One worker a task of the job step; tasks of a node take neighbouring ports."""
    try:
        hosts = expand_hosts(environment["SLURM_STEP_NODELIST"])
        tasks = _expand_counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        port = int(environment.get("KASTRO_PORT", SLURM_FIRST_PORT))
        addresses = tuple(
            f"{host}:{port + local}"
            for host, count in zip(hosts, tasks, strict=True)
            for local in range(count)
        )
        return Cluster(addresses, int(environment["SLURM_PROCID"]))
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"strategy multiworker: cannot read Slurm's variables ({error})",
            hint="Start the workers with srun, or set TF_CONFIG.",
        ) from error


def expand_hosts(text: str) -> Iterator[str]:
    """The hosts of a list as Slurm abbreviates it.

    Example:
        >>> list(expand_hosts("gpu1,node[08-10,12]"))
        ['gpu1', 'node08', 'node09', 'node10', 'node12']
    """
    for part in re.findall(r"[^,\[]+(?:\[[^\]]*\])?[^,\[]*", text):
        name, _, rest = part.partition("[")
        if not rest:
            yield name
            continue
        numbers, _, suffix = rest.partition("]")
        for item in numbers.split(","):
            first, _, last = item.partition("-")
            for number in range(int(first), int(last or first) + 1):
                yield f"{name}{number:0{len(first)}}{suffix}"


def _expand_counts(text: str) -> Iterator[int]:
    """`2(x3),1` is 2, 2, 2, 1."""
    for part in text.split(","):
        count, _, times = part.partition("(x")
        yield from [int(count)] * int(times.rstrip(")") or 1)


def check_settings(train: TrainConfig, name: str, *, replicas: int = 1) -> None:
    """Refuses settings that a strategy cannot keep, before any work.

    Args:
        train: The settings.
        name: Of the strategy; `mirrored` and `multiworker` share each batch.
        replicas: How many share it, as far as that is known.

    Raises:
        ConfigError: Naming the setting and the reason.
    """
    if name not in SHARED:
        return
    if train.jit == "on":
        raise ConfigError(
            f"train.jit = on: XLA keeps variables on one device, {name} needs several",
            hint=f"Use train.jit=auto with the {name} strategy.",
        )
    if train.steps_per_execution not in ("auto", 1):
        raise ConfigError(
            f"train.steps_per_execution = {train.steps_per_execution}: several steps "
            f"in one call are fed by a placeholder, which replicas of {name} lack",
            hint=f"Use train.steps_per_execution=auto with the {name} strategy.",
        )
    if train.batch_size < replicas:
        raise ConfigError(
            f"train.batch_size = {train.batch_size}: a batch is shared by {replicas} "
            "replicas, and each needs a row",
            hint=f"Use train.batch_size={replicas} or more.",
        )
