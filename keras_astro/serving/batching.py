"""Micro-batching: what waits while a batch is computed is the next batch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from keras_astro.serving.refusals import Refusal

Arrays = dict[str, np.ndarray]


class Closed(Exception):
    """The version has been replaced; its successor takes the request."""


@dataclass
class Job:
    """Rows of one request and the promise of their outputs."""

    signature: str
    inputs: Arrays
    rows: int
    done: Future = field(default_factory=Future)


class Batcher:
    """One thread that runs a model; requests that wait together run together.

    A request never waits for others: a lone one runs at once, and under load batches
    grow by themselves. One thread also keeps calls of a TFLite interpreter apart.

    Args:
        run: From a signature and its inputs to its outputs.
        most_rows: Rows of a batch; a larger request runs alone.
        most_waiting: Requests that may wait before further ones are refused.
        observe: Told the rows of each batch.
    """

    def __init__(
        self,
        run: Callable[[str, Arrays], Arrays],
        *,
        most_rows: int = 64,
        most_waiting: int = 1024,
        observe: Callable[[int], None] = lambda _: None,
    ):
        self.run = run
        self.most_rows = most_rows
        self.observe = observe
        self._jobs: queue.Queue[Job | None] = queue.Queue(most_waiting)
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, signature: str, inputs: Arrays) -> Future:
        """Queues rows; all arrays have the same number of them.

        Raises:
            Closed: If `close` was called.
            Refusal: If too many requests wait already.
        """
        job = Job(signature, inputs, len(next(iter(inputs.values()))))
        # The lock keeps a job from slipping in behind the end.
        with self._lock:
            if not self._open:
                raise Closed
            try:
                self._jobs.put_nowait(job)
            except queue.Full:
                raise Refusal(
                    "RESOURCE_EXHAUSTED", "too many requests are waiting: try later"
                ) from None
        return job.done

    def close(self) -> None:
        """Answers what waits, then ends."""
        with self._lock:
            first, self._open = self._open, False
        if first:
            self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        ended = False
        while not ended:
            job = self._jobs.get()
            waiting: dict[str, list[Job]] = {}
            rows = 0
            while job is not None:
                waiting.setdefault(job.signature, []).append(job)
                rows += job.rows
                if rows >= self.most_rows:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            ended = job is None
            for signature, jobs in waiting.items():
                self._compute(signature, jobs)

    def _compute(self, signature: str, jobs: list[Job]) -> None:
        names = jobs[0].inputs
        joined = {n: np.concatenate([job.inputs[n] for job in jobs]) for n in names}
        self.observe(sum(job.rows for job in jobs))
        try:
            outputs = self.run(signature, joined)
        except Exception as error:  # noqa: BLE001 - whatever it is, clients wait for it
            for job in jobs:
                job.done.set_exception(error)
            return
        start = 0
        for job in jobs:
            end = start + job.rows
            job.done.set_result({k: v[start:end] for k, v in outputs.items()})
            start = end
