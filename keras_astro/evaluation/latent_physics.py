"""What latents know of the gas: regressions from latents to physical parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

# Physical parameters by name, and what a reader calls them.
PARAMETERS = {
    "velocity_kms": "velocity",
    "log_hydrogen": "log N(H)",
    "log_H_I": "log N(H I)",
    "log_C_IV": "log N(C IV)",
    "log_O_VI": "log N(O VI)",
    "log_Si_III": "log N(Si III)",
    "log_temperature": "log T",
    "metallicity": "[Z]",
    "turbulence_kms": "turbulent b",
    "log_density": "log n(H)",
    "clouds": "number of clouds",
    "impact_kpc": "impact parameter",
}
ROWS = 2000
TREES = 150


class Known(NamedTuple):
    """How well latents predict a parameter on test rows.

    Attributes:
        linear: R^2 of a linear regression.
        trees: R^2 of extremely randomised trees.
    """

    linear: float
    trees: float


def known_parameters(
    train_z: np.ndarray,
    train_truth: Mapping[str, np.ndarray],
    test_z: np.ndarray,
    test_truth: Mapping[str, np.ndarray],
) -> dict[str, Known]:
    """R^2 on the test rows of parameters regressed on latents of training rows.

    Args:
        train_z: `(row, latent)`.
        train_truth: Parameters by name, `(row,)`.
        test_z: `(row, latent)`.
        test_truth: Parameters by name, `(row,)`.

    Returns:
        For each known parameter that varies.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    found = {}
    for name in PARAMETERS:
        if name not in train_truth or np.std(test_truth.get(name, [0.0])) == 0:
            continue
        wanted, truth = train_truth[name][:ROWS], test_truth[name].astype(float)
        with_one = np.column_stack([train_z[:ROWS], np.ones(len(wanted))])
        fit, *_ = np.linalg.lstsq(with_one, wanted.astype(float), rcond=None)
        straight = np.column_stack([test_z, np.ones(len(truth))]) @ fit
        trees = ExtraTreesRegressor(TREES, min_samples_leaf=3, random_state=0)
        trees.fit(train_z[:ROWS], wanted)
        found[name] = Known(r2(truth, straight), r2(truth, trees.predict(test_z)))
    return found


def r2(truth: np.ndarray, estimate: np.ndarray) -> float:
    """Fraction of the variance that an estimate explains; negative if it adds some.

    Example:
        >>> r2(np.array([0.0, 2.0]), np.array([0.0, 2.0]))
        1.0
    """
    return float(1.0 - np.mean((truth - estimate) ** 2) / np.var(truth))
