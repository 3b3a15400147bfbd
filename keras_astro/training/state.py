"""The variables that make up a model's state."""

from __future__ import annotations

import keras


def state_variables(model: keras.Model) -> list[keras.Variable]:
    """Weights and the state of draws; not the metrics, which begin anew each epoch.

    Where several processes train, to read a metric is to wait for all of them.
    """
    metrics = {id(v) for v in model.metrics_variables}
    return [v for v in model.variables if id(v) not in metrics]
