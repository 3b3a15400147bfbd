"""Timing of rivals in turn, A B C A B C, so that a slow moment falls on all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """Seconds of one step, once for each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def to_json(self) -> dict[str, float]:
        """Milliseconds: median, least and most."""
        milli = [1e3 * s for s in self.seconds]
        return {
            "median_ms": statistics.median(milli),
            "min_ms": min(milli),
            "max_ms": max(milli),
        }


def interleaved(
    rivals: Mapping[str, Callable[[], object]], *, rounds: int, steps: int = 1
) -> dict[str, Times]:
    """Calls every rival once a round, after two rounds that are not counted.

    Args:
        rivals: Each runs `steps` steps and returns when their results are there.
        rounds: Counted rounds.
        steps: Steps a call.
    """
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for counted in [False] * 2 + [True] * rounds:
        for name, run in rivals.items():
            start = time.perf_counter()
            run()
            if counted:
                found[name].append((time.perf_counter() - start) / steps)
    return {name: Times(tuple(seconds)) for name, seconds in found.items()}


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
