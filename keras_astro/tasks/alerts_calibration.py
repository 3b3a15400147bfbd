"""What held-out rows fix in an alert model: score reference, temperature, p-values."""

from __future__ import annotations

import keras
import numpy as np

from keras_astro.data.alert_histories import with_histories
from keras_astro.data.alert_schema import CLASSES, FEATURES
from keras_astro.data.sample import Source
from keras_astro.errors import DataError
from keras_astro.layers.conformal import fit_reference
from keras_astro.metrics.temperature import fit_temperature
from keras_astro.models import alert_classifier
from keras_astro.tasks.alerts_rows import BLOCK, class_numbers
from keras_astro.tasks.base import Parts


def calibrate(model: keras.Model, parts: Parts) -> None:
    """Sets score reference, temperature and p-values from rows that trained nothing."""
    shape = model.input["stamps"].shape
    found, _ = outputs_of(model, with_histories(parts.validation, shape))
    reference = [found[name] for name in alert_classifier.ENERGY]
    combined = model.get_layer("combined_score")
    combined.set_reference(*fit_reference(reference, combined.energies))
    found, labels = outputs_of(model, with_histories(parts.calibration, shape))
    model.get_layer("conformal").set_calibration(found["score"])
    columns = [found[f"probability_{name}"] for name in CLASSES]
    known = labels >= 0
    if known.any():
        probabilities = np.stack(columns, axis=1)[known]
        logits = np.log(probabilities + 1e-12)
        temperature = best_temperature(logits, labels[known])
        model.get_layer("temperature").set_temperature(temperature)


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The most likely temperature; 1 where held-out rows are all right or by chance."""
    try:
        return fit_temperature(logits, labels)
    except DataError:
        return 1.0


def outputs_of(
    model: keras.Model, source: Source
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores, their parts and probabilities of a source, and class numbers."""
    wanted = keras.Model(
        model.input, {k: v for k, v in model.output.items() if len(v.shape) == 1}
    )
    outputs, labels = [], []
    for block in source.blocks(BLOCK):
        empty = np.full((len(block), len(FEATURES)), np.nan, "float32")
        given = {"metadata": empty} | block.inputs
        outputs.append(wanted.predict_on_batch({k: given[k] for k in model.input}))
        labels.append(class_numbers(block.targets.get("label"), len(block)))
    joined = {k: np.concatenate([o[k] for o in outputs]) for k in outputs[0]}
    return joined, np.concatenate(labels)
