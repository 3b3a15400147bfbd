"""Stopping trials that are far behind others at the same epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras

from keras_astro.tuning.plan import FACTOR, LEAST_EPOCHS


def rung_epochs(epochs: int) -> list[int]:
    """Epochs at which a trial is compared with those before it.

    Args:
        epochs: Of a whole trial.

    Example:
        >>> rung_epochs(60), rung_epochs(10)
        ([7, 20], [])
    """
    rungs = []
    rung = epochs / FACTOR
    while rung >= LEAST_EPOCHS:
        rungs.append(math.ceil(rung))
        rung /= FACTOR
    return rungs[::-1]


def keeps(value: float, seen: Sequence[float]) -> bool:
    """Whether a trial goes on: it is in the best third of those that came so far.

    Trials wait for no other, so that workers are never idle; the first to come to an
    epoch always goes on.

    Args:
        value: Its objective.
        seen: The objectives of all trials at that epoch, its own among them.

    Reference:
        Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, MLSys,
        Algorithm 2, in the variant that stops trials and pauses none.

    Example:
        >>> keeps(0.5, [0.5]), keeps(0.5, [0.1, 0.2, 0.5]), keeps(0.1, [0.1, 0.2, 0.5])
        (True, False, True)
    """
    if not math.isfinite(value):
        return False
    if len(seen) < FACTOR:
        return True
    return sum(other < value for other in seen) < len(seen) // FACTOR


class Rungs(keras.callbacks.Callback):
    """Asks at each rung whether to go on, and ends the fit if not.

    Args:
        epochs: Of the whole fit.
        ask: From the epochs done to whether to go on.
    """

    def __init__(self, epochs: int, ask: Callable[[int], bool]):
        super().__init__()
        self.rungs = rung_epochs(epochs)
        self.ask = ask

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 in self.rungs and not self.ask(epoch + 1):
            self.model.stop_training = True
