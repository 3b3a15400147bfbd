"""How the contraction of a trained encoder falls with its weight, for each method.

Noisy curves of 40 pixels with two hidden parameters, a tanh encoder to 4 latents. All
numbers are of rows that trained nothing; the norm is the exact one for each method.

    python benchmarks/contraction_curve.py --figure docs/figures/contraction.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from figure import save_small

from keras_astro.layers.contractive import METHODS, ContractiveEncoder
from keras_astro.losses.jacobian import exact_norm

WEIGHTS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
PIXELS = 40
COLOURS = {"hutchinson": "#1f4e79", "exact": "#c55a11", "last_layer": "#7f7f7f"}
MARKS = {"hutchinson": "o-", "exact": "s--", "last_layer": "^:"}


def curves(n: int, seed: int) -> np.ndarray:
    """Absorption lines of random depth and place, with noise, `(row, pixel)`."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(-3, 3, PIXELS)
    depth, place = rng.uniform(0.3, 1.0, (n, 1)), rng.uniform(-1.0, 1.0, (n, 1))
    line = 1 - depth * np.exp(-0.5 * ((grid - place) / 0.5) ** 2)
    return (line + rng.normal(0.0, 0.03, line.shape)).astype("float32")


def train(method: str, weight: float, epochs: int) -> tuple[float, float]:
    """Squared norm and reconstruction error of a trained model on held-out rows."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((PIXELS,))
    hidden = keras.layers.Dense(32, "tanh")(inputs)
    encoder = keras.Model(inputs, keras.layers.Dense(4, "tanh")(hidden))
    code = ContractiveEncoder(encoder, weight, method, seed=0)(inputs)
    hidden = keras.layers.Dense(32, "tanh")(code)
    model = keras.Model(inputs, keras.layers.Dense(PIXELS)(hidden))
    model.compile(keras.optimizers.Adam(3e-3), loss="mse", jit_compile=True)
    rows, held = curves(2048, 1), curves(1024, 2)
    pairs = tf.data.Dataset.from_tensor_slices((rows, rows)).cache()
    pairs = pairs.shuffle(2048, seed=0).batch(128)
    model.fit(pairs, epochs=epochs, shuffle=False, verbose=0)
    norm = float(np.mean(exact_norm(encoder, tf.constant(held))[1]))
    return norm, float(np.mean((model.predict(held, verbose=0) - held) ** 2))


def plot(found: dict[str, np.ndarray], path: Path) -> None:
    """Norm and reconstruction error against the weight."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 3), layout="constrained")
    norm, error = figure.subplots(1, 2)
    for method, values in found.items():
        style = {"color": COLOURS[method], "markersize": 4, "label": method}
        for axis, column in ((norm, 0), (error, 1)):
            axis.plot(WEIGHTS, values[:, column], MARKS[method], **style)
    for axis, label in ((norm, "squared norm of the Jacobian"), (error, "MSE")):
        axis.set_xscale("symlog", linthresh=WEIGHTS[1])
        axis.set(yscale="log", xlabel="weight of the contraction", ylabel=label)
    norm.legend(frameon=False)
    save_small(figure, path)


def main() -> None:
    """Prints one line a method and weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    found = {}
    for method in METHODS:
        rows = [train(method, weight, options.epochs) for weight in WEIGHTS]
        found[method] = np.array(rows)
        for weight, (norm, error) in zip(WEIGHTS, rows, strict=True):
            print(f"{method:12s} weight {weight:<7g} norm {norm:9.4f}  mse {error:.5f}")
    if options.figure:
        plot(found, options.figure)


if __name__ == "__main__":
    main()
