import os
import signal
import time

import pytest

from keras_astro.data.parallel import Processes, as_done, in_order
from keras_astro.errors import KastroError


@pytest.fixture(scope="module")
def two():
    """Two processes, kept open for several lists of tasks."""
    with Processes(2) as pool:
        yield pool


def test_results_are_in_order_or_numbered(two):
    tasks = list(range(-11, 0))
    assert list(in_order(abs, tasks, jobs=two)) == [abs(task) for task in tasks]
    assert list(in_order(abs, tasks, jobs=two, skip=9)) == [2, 1]
    found = dict(as_done(abs, tasks, jobs=two))
    assert found == {number: abs(task) for number, task in enumerate(tasks)}


def test_no_more_is_handed_out_than_the_processes_need(two):
    taken = []

    def tasks():
        for number in range(50):
            taken.append(number)
            yield number

    results = in_order(abs, tasks(), jobs=two)
    assert next(results) == 0
    assert len(taken) <= 4
    results.close()


def test_what_is_quick_does_not_wait_for_what_is_slow(two):
    slowest_first = [1.0, 0.0, 0.0, 0.0]
    order = [number for number, _ in as_done(time.sleep, slowest_first, jobs=two)]
    assert sorted(order) == [0, 1, 2, 3]
    assert order[-1] == 0


def test_errors_of_a_task_come_back(two):
    with pytest.raises(TypeError):
        list(in_order(abs, ["text"], jobs=two))
    assert list(in_order(abs, [-1], jobs=two)) == [1]


def test_a_process_that_dies_is_told_and_not_waited_for(refused):
    tasks = [-1, 1]
    with refused(KastroError, "a process ended by itself", hint="--resume"):
        list(in_order(os._exit, tasks, jobs=2))


def test_processes_end_with_an_error_under_way():
    begun = time.monotonic()
    results = in_order(time.sleep, [0.0, 0.0, 60.0, 60.0, 60.0], jobs=2)
    assert next(results) is None
    with pytest.raises(RuntimeError):
        results.throw(RuntimeError("something else went wrong"))
    assert time.monotonic() - begun < 30


def test_ctrl_c_is_left_to_the_parent(two):
    kept = list(in_order(signal.getsignal, [signal.SIGINT], jobs=two))
    assert kept == [signal.SIG_IGN]
