"""Limits of one trial: seconds, and memory where the system tells it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from keras_astro.errors import ConfigError

# Seconds between two looks at the clock and at the memory.
INTERVAL = 0.2
STATM = Path("/proc/self/statm")


class LimitExceeded(Exception):
    """Raised inside a trial at its limit; the message is the reason."""


class Limits:
    """Interrupts the code inside that takes longer or holds more than allowed.

    A timer signal looks every 0.2 s. It interrupts Python code, so a call into a
    library is over before the trial is; while code inside catches the exception, the
    next signal raises another.

    Args:
        seconds: Wall-clock time; None for no limit.
        memory_mb: Resident memory of the process, in 10**6 bytes; None for no limit.

    Raises:
        ConfigError: If the system has no such timer, or does not tell the memory.

    Example:
        >>> with Limits(seconds=60.0):
        ...     1 + 1
        2
    """

    def __init__(self, *, seconds: float | None = None, memory_mb: float | None = None):
        self.seconds = seconds
        self.memory_mb = memory_mb
        self.exceeded = ""
        if seconds is not None and not hasattr(signal, "setitimer"):
            raise ConfigError(
                "tune.trial_seconds: this system has no interval timer",
                hint="Leave the limit out.",
            )
        if memory_mb is not None and not STATM.is_file():
            raise ConfigError(
                f"tune.trial_memory_mb: this system has no {STATM}",
                hint="Leave the limit out.",
            )

    def __enter__(self) -> Limits:
        if self.seconds is not None or self.memory_mb is not None:
            self.began = time.monotonic()
            self.before = signal.signal(signal.SIGALRM, self._look)
            # Reads and writes that a signal interrupts go on by themselves.
            signal.siginterrupt(signal.SIGALRM, False)
            signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self.seconds is not None or self.memory_mb is not None:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self.before)
        # A library that was interrupted may have raised an error of its own.
        if error is not None and self.exceeded and isinstance(error, Exception):
            raise LimitExceeded(self.exceeded) from None

    def _look(self, number, frame) -> None:
        took = time.monotonic() - self.began
        if self.seconds is not None and took > self.seconds:
            self.exceeded = f"took longer than tune.trial_seconds = {self.seconds:g}"
        elif self.memory_mb is not None and resident_mb() > self.memory_mb:
            self.exceeded = (
                f"held {resident_mb():.0f} MB, more than tune.trial_memory_mb = "
                f"{self.memory_mb:g}"
            )
        if self.exceeded:
            raise LimitExceeded(self.exceeded)


def resident_mb() -> float:
    """Memory that the process holds now, in 10**6 bytes."""
    pages = int(STATM.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
