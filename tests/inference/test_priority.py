"""Real-time priority: asked for, told where it is refused."""

import os

import pytest

from keras_astro.errors import UsageError
from keras_astro.inference import priority

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setscheduler"), reason="no scheduling classes"
)


def test_the_lowest_real_time_priority_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *given: asked.append(given))
    priority.run_before_others()
    ((pid, policy, param),) = asked
    assert (pid, policy, param.sched_priority) == (0, os.SCHED_RR, 1)


def test_what_to_do_is_told_where_it_is_not_allowed(monkeypatch, refused):
    def denied(*given):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", denied)
    with refused(UsageError, "may not ask", hint="LimitRTPRIO=1"):
        priority.run_before_others()


def test_a_system_without_it_is_told(monkeypatch, refused):
    monkeypatch.delattr(os, "sched_setscheduler")
    with refused(UsageError, "no real-time", hint="Leave"):
        priority.run_before_others()
