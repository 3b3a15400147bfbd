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
@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (PermissionError(1, "Operation not permitted"), "may not ask", "LimitRTPRIO=1"),
        (
            OSError(22, "Invalid argument"),
            "system refuses (Invalid argument)",
            "Leave the opt",
        ),
    ],
)
def test_a_refusal_is_told_with_what_to_do(monkeypatch, refused, error, words, hint):
    def denied(*given):
        raise error

    monkeypatch.setattr(os, "sched_setscheduler", denied)
    with refused(UsageError, words, hint=hint):
        priority.run_before_others()


def test_a_system_without_it_is_told(monkeypatch, refused):
    monkeypatch.delattr(os, "sched_setscheduler", raising=False)
    with refused(UsageError, "no real-time", hint="Leave"):
        priority.run_before_others()
