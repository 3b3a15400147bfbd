"""A run's settings: typed, validated up front, read from and written to YAML.

Precedence: defaults < YAML < `--set key=value`. Every mistake is one line that
names the key, where it stands and the nearest key that exists.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from keras_astro.errors import ConfigError


class Section(BaseModel):
    """A group of settings: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DataConfig(Section):
    """Where rows come from and how they are divided."""

    paths: tuple[str, ...] = ()
    simulated_rows: int = Field(3000, ge=10)
    validation_fraction: float = Field(0.1, gt=0, lt=0.5)
    calibration_fraction: float = Field(0.15, gt=0, lt=0.5)
    # None: 0.15 where the data has labelled anomalies to tell them from, else none.
    test_fraction: float | None = Field(None, ge=0, lt=0.9)
    # Features of training rows beyond it are kept in a file; cases that cannot do so
    # refuse. Half of it is what a search keeps of prepared features.
    memory_limit_mb: int = Field(2000, ge=0)


class FinetuneConfig(Section):
    """What was moved, and to which rows; empty in a run that was trained."""

    parent_sha256: str = ""
    observed: tuple[str, ...] = ()
    labelled: tuple[str, ...] = ()


class TrainConfig(Section):
    """How weights are found."""

    epochs: int = Field(200, ge=1)
    batch_size: int = Field(128, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    clip_norm: float = Field(1.0, gt=0)
    strategy: Literal["auto", "cpu", "mirrored", "multiworker"] = "auto"
    # XLA wins for dense networks on one device and loses for convolutions on CPUs.
    jit: Literal["auto", "on", "off"] = "auto"
    # Steps that TensorFlow takes in one call; auto is 16 on one device, else 1.
    steps_per_execution: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    checkpoint_seconds: float = Field(20.0, ge=0)

    @field_validator("jit", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        # YAML reads the words on and off as booleans.
        return {True: "on", False: "off"}.get(value, value)


class TuneConfig(Section):
    """How settings are found."""

    trials: int = Field(12, ge=1)
    oracle: Literal["hyperband", "bayesian", "random", "grid"] = "hyperband"
    epochs: int = Field(60, ge=1)
    # Quality is always one of them: the fastest model is the one that does nothing.
    objectives: tuple[Literal["quality", "latency", "size"], ...] = ("quality",)
    # How much of the quality may be given up for the other objectives.
    quality_slack: float = Field(0.05, ge=0)
    # Numeric type of the files whose latency and size are measured.
    quantize: Literal["none", "float16", "dynamic"] = "float16"
    # Whether trials far behind others at the same epoch are stopped.
    prune: bool = False
    # With two or more, the `top` best trials are trained again with that many new seeds
    # each, and the lowest mean is chosen.
    seeds: int = Field(1, ge=1)
    top: int = Field(3, ge=1)
    # Settings that a search would vary and that keep their value in all trials.
    fixed: tuple[str, ...] = ()
    # A trial beyond a limit fails, and the search goes on.
    trial_seconds: float | None = Field(None, gt=0)
    trial_memory_mb: float | None = Field(None, gt=0)

    @field_validator("objectives")
    @classmethod
    def _quality_first(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value[:1] != ("quality",) or len(set(value)) < len(value):
            raise ValueError("expected quality first and each objective once")
        return value

    @property
    def repeats(self) -> int:
        """How many trainings follow the search, at most."""
        return self.top * self.seeds if self.seeds > 1 else 0


class RunConfig(Section):
    """All settings of one run; each task adds its own sections.

    Example:
        >>> config = RunConfig(task="lensing", seed=3)
        >>> config.train.batch_size
        128
    """

    task: str
    seed: int = Field(0, ge=0)
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    tune: TuneConfig = TuneConfig()

    def to_yaml(self) -> str:
        """The complete configuration as YAML."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)

    def digest(self) -> str:
        """Hash of all settings: equal digests are equal runs."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


Config = TypeVar("Config", bound=RunConfig)

# Longer defaults, such as lists of lines, are not repeated in a hint.
LONG_DEFAULT = 60


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping.

    Raises:
        ConfigError: If the file is absent, not YAML or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error})",
            hint="Check the path; kastro tasks lists the cases that need no file.",
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "malformed"
        raise ConfigError(
            f"{path}{where}: not YAML ({problem})",
            hint="Compare it with the config.yaml of a run, or quote the value.",
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path}: expected settings as `key: value`, "
            f"found {type(content).__name__}",
            hint="Begin with a line such as: task: lensing",
        )
    return content


def set_values(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Applies `a.b=c` overrides to nested values; `c` is read as YAML.

    Raises:
        ConfigError: If an override has no `=`, or a part of the key is no section.

    Example:
        >>> set_values({"train": {"epochs": 5}}, ["train.epochs=7", "seed=1"])
        {'train': {'epochs': 7}, 'seed': 1}
    """
    result = json.loads(json.dumps(values))
    for override in overrides:
        key, sign, text = override.partition("=")
        if not sign or not key:
            raise ConfigError(
                f"--set {override}: expected key=value",
                hint="Write, for example: --set train.epochs=50",
            )
        *parents, last = key.split(".")
        node = result
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise ConfigError(
                    f"--set {override}: {parent} is not a section",
                    hint="List the settings with: kastro train TASK --dry-run",
                )
        try:
            node[last] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(
                f"--set {override}: {text!r} is not a value",
                hint="Quote it as in YAML, e.g. --set 'train.strategy=\"cpu\"'",
            ) from error
    return result


def build_config(cls: type[Config], values: dict[str, Any], *, where: str) -> Config:
    """Validates values into a configuration.

    Args:
        cls: The task's configuration class.
        values: Nested settings.
        where: What to name in errors, e.g. the file.

    Raises:
        ConfigError: Naming the first wrong key, its value and the nearest valid key.
    """
    defaults: dict[str, Any] = {}
    try:
        # A task's own defaults hold for what a given section does not mention.
        defaults = cls.model_validate({"task": values.get("task")}).model_dump(
            mode="json"
        )
        return cls.model_validate(_over(defaults, values))
    except ValidationError as error:
        first, *others = error.errors()
        key = _setting(cls, first)
        same = [first, *(e for e in others if key and _setting(cls, e) == key)]
        raise ConfigError(
            _explain(cls, key, same, where), hint=_next_step(values, first, defaults)
        ) from error


def _over(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = defaults | values
    for key, default in defaults.items():
        if isinstance(default, dict) and isinstance(values.get(key), dict):
            merged[key] = _over(default, values[key])
    return merged


def _setting(cls: type[BaseModel], problem: Mapping[str, Any]) -> str:
    """The key of what is wrong, without what pydantic puts between its parts."""
    kind: Any = cls
    parts = []
    for part in problem["loc"]:
        if part == "[key]" or _several(kind):
            # The kind of value that was tried, or that a key is wrong itself.
            kind = None
            continue
        parts.append(str(part))
        section = isinstance(kind, type) and issubclass(kind, BaseModel)
        field = kind.model_fields.get(part) if section else None
        # What is in a dictionary or a tuple is kept as it is.
        kind = field.annotation if field else None
    return ".".join(parts)


def _several(kind: Any) -> bool:
    """Whether a value may be of several kinds, None apart."""
    if get_origin(kind) not in (Union, UnionType):
        return False
    return len([one for one in get_args(kind) if one is not NoneType]) > 1


def _explain(
    cls: type[BaseModel], key: str, problems: Sequence[Mapping[str, Any]], where: str
) -> str:
    problem = problems[0]
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys(cls), n=1, cutoff=0.5)
        suggestion = f" (did you mean {near[0]}?)" if near else ""
        return f"{key} is not a setting{suggestion} in {where}"
    if not key:
        # Settings that do not go together: the message names them.
        return f"{where}: {_plain(problem['msg'])}"
    # A setting of several types is wrong in as many ways.
    ways = " or ".join(dict.fromkeys(_plain(one["msg"]) for one in problems))
    return f"{key} = {problem['input']!r} in {where}: {ways}"


def _next_step(
    values: dict[str, Any], problem: Mapping[str, Any], defaults: dict[str, Any]
) -> str:
    """The default of a setting that exists, else how to see all, or all cases."""
    if problem["loc"][:1] == ("task",) or not isinstance(values.get("task"), str):
        return "List the cases with: kastro tasks"
    listed = f"kastro train {values['task']} --dry-run"
    if not problem["loc"]:
        return f"Change one of the settings that it names; list all with: {listed}"
    node: Any = defaults
    for part in problem["loc"]:
        if not isinstance(node, dict) or part not in node:
            break
        node = node[part]
    default = json.dumps(node)
    known = problem["type"] != "extra_forbidden" and not isinstance(node, dict)
    if not known or len(default) > LONG_DEFAULT:
        return f"List the settings with: {listed}"
    return f"The default is {default}; list all settings with: {listed}"


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _keys(cls: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in cls.model_fields.items():
        found.append(prefix + name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += _keys(kind, f"{prefix}{name}.")
    return found


def flat_settings(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key, as `--set` takes them.

    Example:
        >>> flat_settings({"seed": 1, "train": {"epochs": 3}})
        {'seed': 1, 'train.epochs': 3}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flat_settings(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
