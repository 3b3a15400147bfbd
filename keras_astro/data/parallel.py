"""Tasks one after the other, in processes of this machine, or elsewhere."""

from __future__ import annotations

import abc
import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from keras_astro.errors import KastroError

Task = TypeVar("Task")
Result = TypeVar("Result")

# Tasks that are handed out for each process: one under way and one to go on with.
AHEAD = 2
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl


class Pool(abc.ABC):
    """Where tasks are worked on.

    Attributes:
        size: How many at a time.
    """

    size: int

    @abc.abstractmethod
    def submit(self, work: Callable[[Task], Result], task: Task) -> Any:
        """Hands a task out; the `result()` of what is returned waits for its end."""

    @abc.abstractmethod
    def wait(self, pending: list) -> set:
        """Waits until one of some tasks is done, and returns those that are."""

    def __enter__(self) -> Pool:
        return self

    @abc.abstractmethod
    def __exit__(self, kind, error, trace) -> None:
        """Ends what is still under way."""


class Processes(Pool):
    """Processes of this machine, which die with this one.

    Args:
        jobs: How many.
    """

    def __init__(self, jobs: int):
        self.size = jobs
        self.before = set(multiprocessing.active_children())
        self.executor = futures.ProcessPoolExecutor(
            jobs,
            # A forked process would inherit TensorFlow's threads in an unknown state.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(os.getpid(),),
        )

    def submit(self, work, task):
        with _told():
            return _Kept(self.executor.submit(work, task))

    def wait(self, pending):
        done = futures.wait(
            [kept.future for kept in pending], return_when=futures.FIRST_COMPLETED
        ).done
        return {kept for kept in pending if kept.future in done}

    def __exit__(self, kind, error, trace) -> None:
        if kind is not None:
            for child in set(multiprocessing.active_children()) - self.before:
                child.terminate()
        self.executor.shutdown(cancel_futures=True)


class _Kept:
    """A result to come; that a process died is told as the package's own error."""

    def __init__(self, future: futures.Future):
        self.future = future

    def result(self):
        with _told():
            return self.future.result()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise KastroError(
            "a process ended by itself before its task was done, perhaps for want of "
            "memory",
            hint="Continue with --resume; fewer --jobs need less memory.",
        ) from error


def in_order(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    jobs: int | Pool,
    skip: int = 0,
) -> Iterator[Result]:
    """Results of tasks in their order, wherever they are worked on.

    Args:
        work: Makes a result; with several jobs a function that can be pickled.
        tasks: What each is made from, its seed included.
        jobs: Processes, or an opened pool.
        skip: Leading tasks that are done already.

    Raises:
        KastroError: If a process dies.

    Example:
        >>> list(in_order(abs, [-1, 2], jobs=1))
        [1, 2]
        >>> list(in_order(abs, [-1, 2], jobs=1, skip=1))
        [2]
    """
    tasks = itertools.islice(tasks, skip, None)
    if jobs == 1:
        yield from map(work, tasks)
        return
    with _pool(jobs) as pool:
        pending: deque = deque()
        for task in tasks:
            pending.append(pool.submit(work, task))
            if len(pending) >= AHEAD * pool.size:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def as_done(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, jobs: int | Pool
) -> Iterator[tuple[int, Result]]:
    """Numbers and results of tasks as they come in; arguments as for `in_order`.

    Example:
        >>> list(as_done(abs, [-1, 2], jobs=1))
        [(0, 1), (1, 2)]
    """
    numbered = enumerate(tasks)
    if jobs == 1:
        yield from ((number, work(task)) for number, task in numbered)
        return
    with _pool(jobs) as pool:
        pending: dict = {}
        while True:
            for number, task in itertools.islice(
                numbered, AHEAD * pool.size - len(pending)
            ):
                pending[pool.submit(work, task)] = number
            if not pending:
                return
            for done in pool.wait(list(pending)):
                yield pending.pop(done), done.result()


def _pool(jobs: int | Pool) -> contextlib.AbstractContextManager[Pool]:
    # Who opened a pool closes it.
    return Processes(jobs) if isinstance(jobs, int) else contextlib.nullcontext(jobs)


def _begin(parent: int) -> None:
    # Ctrl-C is for the parent to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(parent)


def die_with(parent: int) -> None:
    """In a child: lets the kernel kill it when its parent dies, however that dies."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
