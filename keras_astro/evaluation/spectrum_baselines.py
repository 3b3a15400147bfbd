"""Linear reductions of the same spectra: principal and non-negative components."""

from __future__ import annotations

import warnings

import numpy as np

from keras_astro.tasks.cgm_pixels import Observed

# Numbers of components that are compared, beside the model's own.
COMPONENTS = (1, 2, 3, 4, 5, 6, 8, 10)
# Rows for the non-negative factorisation, whose time grows with them.
NMF_ROWS = 1000


def baseline_errors(
    train: Observed, test: Observed, latents: int
) -> dict[str, dict[int, np.ndarray]]:
    """Mean squared error of each test row under linear reductions.

    Args:
        train: Training rows on the modelled pixels.
        test: Test rows on them; what the other pixels lose is added, as for the model.
        latents: The model's number of latents.

    Returns:
        By the name of the reduction (`mean`, `pca`, `nmf`), by its number of components
        (0 of `mean`), the error of each row `(row,)`.
    """
    wanted = sorted({*COMPONENTS, latents})
    wanted = [d for d in wanted if d < min(train.absorption.shape)]
    mean = train.absorption.mean(axis=0)
    found = {
        "mean": {0: _errors(test, np.broadcast_to(mean, test.absorption.shape))},
        "pca": _principal(train.absorption, test, mean, wanted),
        "nmf": {},
    }
    for d in wanted:
        found["nmf"][d] = _errors(test, _non_negative(train, test, d))
    return found


def _principal(absorption, test, mean, wanted) -> dict[int, np.ndarray]:
    basis = leading_components(absorption - mean, max(wanted, default=1))
    coefficients = (test.absorption - mean) @ basis.T
    return {d: _errors(test, mean + coefficients[:, :d] @ basis[:d]) for d in wanted}


def leading_components(centred: np.ndarray, count: int) -> np.ndarray:
    """The first right singular vectors, `(component, pixel)`, by Lanczos iteration.

    Ten of ten thousand take a hundredth of the time that all of them take.
    """
    from scipy.sparse.linalg import svds

    if count >= min(centred.shape) - 1:
        return np.linalg.svd(centred, full_matrices=False)[2][:count]
    start = np.random.default_rng(0).normal(size=min(centred.shape))
    _, values, basis = svds(centred, k=count, v0=start.astype(centred.dtype))
    return basis[np.argsort(values)[::-1]]


def _non_negative(train: Observed, test: Observed, components: int) -> np.ndarray:
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    model = NMF(components, init="nndsvda", max_iter=150, tol=1e-3, random_state=0)
    with warnings.catch_warnings():
        # A looser optimum is good enough for a baseline's error.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.maximum(train.absorption[:NMF_ROWS], 0.0))
        codes = model.transform(np.maximum(test.absorption, 0.0))
    return codes @ model.components_


def _errors(test: Observed, reconstruction: np.ndarray) -> np.ndarray:
    good = test.weights > 0
    square = np.where(good, (reconstruction - test.absorption) ** 2, 0.0)
    total = square.sum(axis=1, dtype=np.float64) + test.rest_square
    return total / np.maximum(test.counted, 1)
