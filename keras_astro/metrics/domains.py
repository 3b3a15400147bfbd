"""Whether two sets of codes can be told apart."""

from __future__ import annotations

import numpy as np

from keras_astro.metrics.detection import auc


def domain_auc(first: np.ndarray, second: np.ndarray) -> float:
    """Cross-validated AUC of a linear classifier between two sets of codes.

    Args:
        first: `(row, latent)`.
        second: `(row, latent)`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 200, 3))
        >>> 0.4 < domain_auc(a, b) < 0.6 and domain_auc(a, b + 9) > 0.99
        True
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    codes = np.concatenate([first, second])
    labels = np.repeat([0, 1], [len(first), len(second)])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    shuffled = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(
        model, codes, labels, cv=shuffled, method="decision_function"
    )
    return float(auc(labels, scores))
