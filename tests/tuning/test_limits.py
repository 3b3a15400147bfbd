import signal
import time

import numpy as np
import pytest
from fake_case import FakeTask
from fake_search import run_search

from keras_astro.errors import ConfigError
from keras_astro.tuning.limits import LimitExceeded, Limits, resident_mb


def test_code_beyond_the_time_is_interrupted():
    began = time.monotonic()
    with (
        pytest.raises(LimitExceeded, match=r"longer than tune.trial_seconds = 0.3"),
        Limits(seconds=0.3),
    ):
        time.sleep(30)
    assert 0.3 < time.monotonic() - began < 10


def test_code_that_swallows_errors_is_interrupted_again():
    def stubborn():
        for _ in range(3):
            try:
                time.sleep(30)
            except LimitExceeded:
                continue
        raise ValueError("an error of its own")

    with pytest.raises(LimitExceeded), Limits(seconds=0.1):
        stubborn()


def test_code_beyond_the_memory_is_interrupted():
    allowed = resident_mb() + 100
    held = []

    def hoard():
        for _ in range(200):
            held.append(np.ones(1_000_000))
            time.sleep(0.02)

    with (
        pytest.raises(LimitExceeded, match=r"MB, more than tune.trial_memory_mb"),
        Limits(memory_mb=allowed),
    ):
        hoard()
    assert 8 * len(held) >= 90


def test_nothing_is_left_behind_and_other_errors_pass():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyError), Limits(seconds=60.0):
        raise KeyError("a")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_system_that_does_not_tell_memory_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("keras_astro.tuning.limits.STATM", tmp_path / "none")
    with pytest.raises(ConfigError, match=r"tune\.trial_memory_mb"):
        Limits(memory_mb=100.0)


class Slow(FakeTask):
    def objective(self, config, prepared, models):
        if self.trials == 2:
            time.sleep(30)
        return super().objective(config, prepared, models)


def test_trial_beyond_its_time_fails_and_the_search_goes_on(tmp_path):
    result = run_search(
        tmp_path / "a", "tune.trial_seconds=0.4", task=Slow(fits=False), trials=3
    )
    assert [r.status for r in result.records] == ["completed", "failed", "completed"]
    assert "took longer than tune.trial_seconds = 0.4" in result.records[1].reason
    assert result.records[1].seconds < 10
