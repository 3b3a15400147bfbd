"""The chief of a search by several workers: serves its oracle, and misses the dead.

KerasTuner's service hands out trials and takes their results. What it has no message
for, the notes of a trial and signs of life, goes through a second service beside it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent import futures

import grpc
from keras_tuner.engine.trial import Trial
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from keras_astro.errors import UsageError
from keras_astro.tuning.hypermodel import TaskTuner
from keras_astro.tuning.oracles import RUNNING

SERVICE = "keras_astro.Search"

# A worker that was silent for longer has lost its trial, to be run by another.
LOST_SECONDS = 60.0


class Chief:
    """Serves the oracle of a tuner that runs no trials itself.

    Args:
        tuner: Holds the oracle; told of each trial's end.
        address: `host:port` to listen at; port 0 takes a free one.

    Raises:
        UsageError: If the address cannot be listened at.
    """

    def __init__(self, tuner: TaskTuner, address: str):
        self.tuner = tuner
        self.beats: dict[str, float] = {}
        self.error: Exception | None = None
        # Calls and deaths come from two threads and write the same leaderboard.
        self.telling = threading.Lock()
        # One thread, so that calls come one after the other.
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
        self.service = _Service(self)
        protos.get_service_grpc().add_OracleServicer_to_server(
            self.service, self.server
        )
        calls = {"Note": self._note, "Beat": self._beat, "Rung": self._rung}
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                call, json.loads, lambda answer: json.dumps(answer).encode()
            )
            for name, call in calls.items()
        }
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        host, _, port = address.rpartition(":")
        try:
            bound = self.server.add_insecure_port(address)
        except RuntimeError:
            bound = 0
        if not (host and port.isdigit() and bound):
            raise UsageError(
                f"{address}: the chief cannot listen there",
                hint="Give --chief HOST:PORT with a free port; port 0 finds one.",
            )
        self.address = f"{host}:{bound}"

    def __enter__(self) -> Chief:
        self.server.start()
        return self

    def __exit__(self, *_) -> None:
        self.server.stop(grace=1.0).wait()

    @property
    def finished(self) -> bool:
        """Whether a worker was told to stop and no trial is under way."""
        return self.service.stop_triggered and not self.tuner.oracle.ongoing_trials

    def check(self) -> None:
        """Takes trials from silent workers, and raises what went wrong in a call."""
        if self.error is not None:
            raise self.error
        now = time.monotonic()
        for worker in list(self.tuner.oracle.ongoing_trials):
            if now - self.beats.setdefault(worker, now) > LOST_SECONDS:
                self.lost(worker, "its worker was not heard of")

    def lost(self, worker: str, reason: str) -> None:
        """Gives the trial of a worker that is no more to another."""
        with self.telling:
            ended = self.tuner.oracle.release(worker, reason)
            if ended is not None:
                self.tuner.ended(ended)

    def _note(self, request, context):
        self.tuner.note(request["trial"], request["facts"])
        return {}

    def _rung(self, request, context):
        keep = self.tuner.rung(request["trial"], request["epoch"], request["value"])
        return {"keep": keep}

    def _beat(self, request, context):
        self.beats[request["worker"]] = time.monotonic()
        return {}

    @contextlib.contextmanager
    def keeping_error(self) -> Iterator[None]:
        """Keeps an error of a call for the thread that waits for the end."""
        try:
            yield
        except Exception as error:
            self.error = error
            raise


class _Service(OracleServicer):
    """KerasTuner's service, in which a trial ends once."""

    def __init__(self, chief: Chief):
        super().__init__(chief.tuner.oracle)
        self.chief = chief

    def CreateTrial(self, request, context):
        with self.chief.keeping_error():
            self.chief.beats[request.tuner_id] = time.monotonic()
            response = super().CreateTrial(request, context)
            trial = self.oracle.ongoing_trials.get(request.tuner_id)
            if trial is not None:
                self.chief.tuner.started(trial)
            return response

    def EndTrial(self, request, context):
        with self.chief.keeping_error():
            trial = Trial.from_proto(request.trial)
            trial_id = trial.trial_id
            # A worker taken for dead may come back with a result that another has
            # brought, or before the other has begun.
            if self.oracle.trials[trial_id].status == RUNNING:
                if trial_id in self.oracle._retry_queue:
                    self.oracle._retry_queue.remove(trial_id)
                with self.chief.telling:
                    self.oracle.end_trial(trial)
                    self.chief.tuner.ended(trial_id)
            return protos.get_service().EndTrialResponse()
