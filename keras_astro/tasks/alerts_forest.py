"""Targets of a forest: how sure one may be of a class, given what is measured."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_rows import Rows, dealt, one_hot

# Trees, rows in a leaf at least, and parts of which each is left out once.
TREES, LEAF, PARTS = 200, 2, 3
# Rows that a forest learns from: of more, its memory would exceed the frames'.
MOST_ROWS = 30_000


def forest_targets(config: AlertsConfig, rows: Rows) -> np.ndarray:
    """Probabilities by forests that have not seen the objects of a row.

    Args:
        config: Class weights, and the seed.
        rows: Of known class; what stands beside their codes is what the trees see.

    Returns:
        `(row, class)`; a row whose class the other parts' forest has not met keeps its
        label.

    References:
        Geurts, Ernst and Wehenkel 2006, Machine Learning 63, 3 (the trees); Hinton,
        Vinyals and Dean 2015, arXiv:1503.02531, section 2 (their probabilities as
        targets).
    """
    weights = "balanced" if config.objective.class_weights == "balanced" else None
    rng = np.random.default_rng([config.seed, 8])
    part = dealt(rows.labels, rows.objects, PARTS, rng)
    # A row of a class that the forest has not met keeps its label.
    found = one_hot(rows.labels)
    for number in np.unique(part):
        seen, left = (np.flatnonzero(x) for x in (part != number, part == number))
        if not len(seen):
            continue
        forest = grown(rows.features[seen], rows.labels[seen], weights, config.seed)
        known = left[np.isin(rows.labels[left], forest.classes_)]
        if len(known):
            said = forest.predict_proba(rows.features[known])
            found[known] = 0.0
            found[np.ix_(known, forest.classes_)] = said
        del forest
    return found


def grown(
    features: np.ndarray, labels: np.ndarray, weights: str | None, seed: int
) -> ExtraTreesClassifier:
    """A forest of extremely randomised trees.

    Args:
        features: `(row, width)`; if there are more than `MOST_ROWS`, the forest learns
            from that many of them, evenly spread.
        labels: Class numbers, `(row,)`.
        weights: `balanced` where rare classes count as much as frequent ones.
        seed: Of the trees.
    """
    forest = ExtraTreesClassifier(
        TREES, min_samples_leaf=LEAF, class_weight=weights, random_state=seed
    )
    count = min(len(labels), MOST_ROWS)
    chosen = np.linspace(0, len(labels) - 1, count).astype(int)
    return forest.fit(features[chosen], labels[chosen])
