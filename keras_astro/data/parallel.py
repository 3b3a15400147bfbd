"""Blocks of simulated rows, one after the other or in several processes."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Task = TypeVar("Task")
Block = TypeVar("Block")


def in_order(
    work: Callable[[Task], Block], tasks: Iterable[Task], *, jobs: int, skip: int = 0
) -> Iterator[Block]:
    """Results of tasks in their order, whatever the number of processes.

    Args:
        work: Makes a block; with several jobs a function that can be pickled.
        tasks: What each block is made from, its seed included.
        jobs: Processes.
        skip: Leading tasks that are done already.

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
    # A forked process would inherit TensorFlow's threads in an unknown state.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(work, tasks)
