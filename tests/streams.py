"""What tests of streams share: a model that is constant, and a reader of lines."""

import json
import time

import numpy as np

from keras_astro.data.alert_schema import CLASSES


class Constant:
    """A model that calls every alert an AGN."""

    path = "constant.tflite"

    def __init__(self, task="alerts", seconds=0.0):
        spec = {"inputs": {"stamps": {"shape": [None, 63, 63, 3]}}}
        self.manifest = {
            "task": task,
            "classes": list(CLASSES),
            "signatures": {"predict": spec},
        }
        self.seconds = seconds

    def run(self, signature, inputs, *, batch_size):
        time.sleep(self.seconds)
        rows = len(inputs["stamps"])
        values = {"class_index": 1.0, "abstains": 0.0, "is_anomaly": 1.0, "score": 2.5}
        return {name: np.full(rows, value) for name, value in values.items()}


def lines(path):
    text = path.read_text() if path.is_file() else ""
    return [json.loads(line) for line in text.splitlines()]
