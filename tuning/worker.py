"""A worker of a search: asks the chief for trials until there are none."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import grpc

from keras_astro.data.sample import Source
from keras_astro.errors import ArtefactError
from keras_astro.tasks.base import Task
from keras_astro.training.run import Run
from keras_astro.training.train import load_or_make_split, make_parts
from keras_astro.tuning.blind import blind
from keras_astro.tuning.chief import SERVICE
from keras_astro.tuning.deploy import Convert
from keras_astro.tuning.hypermodel import TaskTuner
from keras_astro.tuning.oracles import make_oracle
from keras_astro.tuning.places import FOLDER, search_config
from keras_astro.tuning.spaces import SearchSpace, space

BEAT_SECONDS = 1.0
# Without an answer for that many beats the chief is gone, and with it the search.
MISSED_BEATS = 5
IDLE_SECONDS = 0.3
CALL_SECONDS = 60.0


class WorkerTuner(TaskTuner):
    """Runs trials of a chief, and leaves all records to it.

    Args:
        *arguments: As for `TaskTuner`.
        chief: Address, `host:port`.
        worker_id: Name; a worker started again keeps it.
        **options: As for `TaskTuner`.
    """

    def __init__(self, *arguments, chief: str, worker_id: str, **options):
        host, _, port = chief.rpartition(":")
        # KerasTuner takes its place in a distributed search from these.
        os.environ["KERASTUNER_ORACLE_IP"] = host
        os.environ["KERASTUNER_ORACLE_PORT"] = port
        os.environ["KERASTUNER_TUNER_ID"] = worker_id
        self.channel = grpc.insecure_channel(chief)
        self.idle = False
        super().__init__(*arguments, **options)

    def call(self, name: str, **request) -> dict:
        """What the chief's own service answers."""
        method = self.channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=lambda content: json.dumps(content).encode(),
            response_deserializer=json.loads,
        )
        return method(request, timeout=CALL_SECONDS)

    def note(self, trial_id: str, facts: dict) -> None:
        self.call("Note", trial=trial_id, facts=facts)

    def rung(self, trial_id: str, epoch: int, value: float) -> bool:
        return self.call("Rung", trial=trial_id, epoch=epoch, value=value)["keep"]

    def beat(self) -> None:
        """Tells the chief once a second that the worker lives; ends if it does not."""
        missed = 0
        while missed < MISSED_BEATS:
            try:
                self.call("Beat", worker=self.tuner_id)
                missed = 0
            except grpc.RpcError:
                missed += 1
            time.sleep(BEAT_SECONDS)
        sys.stderr.write(f"{self.tuner_id}: the chief is gone\n")
        sys.stderr.flush()
        # A trial under way in the main thread cannot be stopped in another manner.
        os._exit(1)

    def pre_create_trial(self):
        if self.idle:
            time.sleep(IDLE_SECONDS)
        self.idle = True

    def started(self, trial):
        self.idle = False

    def ended(self, trial_id):
        """The chief tells of it."""

    def save(self):
        """The chief saves."""

    def _get_tuner_fname(self) -> str:
        # The state of the search is the chief's to load.
        return str(self.folder / f"{self.tuner_id}.json")


def work(
    task: Task,
    source: Source,
    run_folder: Path,
    *,
    chief: str,
    worker_id: str,
    over: SearchSpace | None = None,
    convert: Convert | None = None,
) -> None:
    """Runs trials of the search in a run folder until its chief has none left.

    Args:
        task: The science case.
        source: All rows, the same as the chief's.
        run_folder: The chief's, on a file system that both see.
        chief: Its address, `host:port`.
        worker_id: A name that no other worker has.
        over: As for `search`.
        convert: As for `search`.

    Raises:
        ArtefactError: If there is no search in the folder, or no chief there.
    """
    config = search_config(run_folder)
    searched = (over or space(task.name)).around(config)
    record = Path(run_folder) / FOLDER / "search.json"
    searched.check_same(json.loads(record.read_text())["space"], where=str(run_folder))
    split = load_or_make_split(source, Run.open(run_folder), config)
    tuner = WorkerTuner(
        task,
        blind(make_parts(source, split), searched.withheld),
        config,
        searched,
        make_oracle(searched, config),
        Path(run_folder) / FOLDER,
        convert=convert,
        chief=chief,
        worker_id=worker_id,
    )
    threading.Thread(target=tuner.beat, daemon=True).start()
    try:
        tuner.search(verbose=0)
    except grpc.RpcError as error:
        raise ArtefactError(
            f"{chief}: the chief of {run_folder} does not answer ({error.code().name})",
            hint=f"Continue the search with: kastro tune {task.name} -o {run_folder} "
            "--workers N --resume",
        ) from error
