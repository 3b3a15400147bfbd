"""Random draws that a resumed run continues where it stopped."""

from __future__ import annotations

import keras
from keras import ops


class DrawingLayer(keras.layers.Layer):
    """A layer with random draws of its own, whose state is saved with its weights.

    Keras leaves the state of seed generators out of files, so that a resumed run would
    repeat the draws of its first epochs.

    Args:
        seed: Seed of the draws.
    """

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.draws = keras.random.SeedGenerator(seed)

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["draws"] = ops.convert_to_numpy(self.draws.state)

    def load_own_variables(self, store):
        self.draws.state.assign(store["draws"])
        weights = {key: store[key] for key in store.keys() if key != "draws"}
        super().load_own_variables(weights)

    def get_config(self):
        return super().get_config() | {"seed": self.seed}
