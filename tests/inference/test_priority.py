"""Real-time priority: asked for, told where it is refused."""

import os

import pytest

from keras_astro.errors import UsageError
from keras_astro.inference import priority

linux = pytest.mark.skipif(
    not hasattr(os, "sched_setscheduler"), reason="no scheduling classes"
)


@linux
def test_the_lowest_real_time_priority_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *given: asked.append(given))
    priority.run_before_others()
    ((pid, policy, param),) = asked
    assert (pid, policy, param.sched_priority) == (0, os.SCHED_RR, 1)


@linux
def test_what_to_do_is_told_where_it_is_not_allowed(monkeypatch, refused):
    def denied(*given):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", denied)
    with refused(UsageError, "may not ask", hint="LimitRTPRIO=1"):
        priority.run_before_others()


@linux
def test_a_system_that_refuses_is_told_with_its_reason(monkeypatch, refused):
    def denied(*given):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "sched_setscheduler", denied)
    with refused(UsageError, "system refuses (Invalid argument)", hint="Leave the opt"):
        priority.run_before_others()


def test_a_system_without_it_is_told(monkeypatch, refused):
    monkeypatch.delattr(os, "sched_setscheduler", raising=False)
    with refused(UsageError, "no real-time", hint="Leave"):
        priority.run_before_others()
