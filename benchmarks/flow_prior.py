"""What a flow prior is worth: rings and blobs in the plane, against a normal prior.

Trains the same small variational autoencoder with both priors, once a seed, and prints
the importance-weighted bounds on rows that trained nothing. Draws data and samples.

    python benchmarks/flow_prior.py --figure docs/figures/flow_prior.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from figure import save_small
from scipy import stats

from keras_astro.evaluation.variational import importance_weighted_bound
from keras_astro.layers.likelihoods import GaussianLikelihood
from keras_astro.layers.priors import FlowPrior, StandardNormalPrior
from keras_astro.layers.sampling import VariationalCode
from keras_astro.models.autoencoder import dense_decoder, dense_encoder
from keras_astro.models.variational import likelihood_autoencoder, variational_encoder

BLOBS = np.array([[2.6, 2.6], [-2.6, 2.6], [2.6, -2.6], [-2.6, -2.6]])
HIDDEN = (64, 64)
ROWS, STEPS = 10_000, 20  # for training, and steps of an epoch


def rings_and_blobs(n: int, seed: int) -> np.ndarray:
    """Two rings around the origin and four blobs, in equal parts, `(row, 2)`."""
    rng = np.random.default_rng(seed)
    radius = rng.choice([1.0, 2.0], n) + rng.normal(0.0, 0.08, n)
    angle = rng.uniform(0.0, 2 * np.pi, n)
    ring = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    blob = BLOBS[rng.integers(0, 4, n)] + rng.normal(0.0, 0.15, (n, 2))
    return np.where(rng.random((n, 1)) < 0.5, ring, blob).astype("float32")


def log_density(points: np.ndarray) -> np.ndarray:
    """Log density of the data itself, which no bound exceeds in the mean, `(row,)`."""
    radius = np.hypot(*points.T)[:, None]
    ring = stats.norm.pdf(radius, [1.0, 2.0], 0.08).mean(axis=1)
    apart = np.linalg.norm(points[:, None] - BLOBS, axis=2)
    blob = np.exp(-0.5 * (apart / 0.15) ** 2).mean(axis=1) / (2 * np.pi * 0.15**2)
    return np.log(0.5 * ring / (2 * np.pi * radius[:, 0]) + 0.5 * blob)


def parts(prior_name: str, seed: int):
    """Posterior, code, decoder and likelihood of a model that differs in its prior."""
    keras.utils.set_random_seed(seed)
    posterior = variational_encoder(dense_encoder(2, 2, hidden=HIDDEN))
    decoder = dense_decoder(2, 2, hidden=HIDDEN)
    if prior_name == "flow":
        prior = FlowPrior(2, couplings=4, hidden=32, seed=seed)
    else:
        prior = StandardNormalPrior(2)
    code = VariationalCode(2, prior, warmup_steps=500, seed=seed)
    return posterior, code, decoder, GaussianLikelihood(0.3, learned=True)


def train(prior_name: str, seed: int, epochs: int):
    """Trains on the seed's own rows; returns the parts."""
    posterior, code, decoder, likelihood = parts(prior_name, seed)
    model = likelihood_autoencoder(posterior, code, decoder, likelihood)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * STEPS)
    model.compile(
        keras.optimizers.Adam(rate, clipnorm=10.0),
        jit_compile=False,
        steps_per_execution=STEPS,
    )
    rows = tf.data.Dataset.from_tensor_slices(rings_and_blobs(ROWS, seed))
    rows = rows.cache().shuffle(ROWS, seed=seed).batch(ROWS // STEPS)
    model.fit(rows, epochs=epochs, shuffle=False, verbose=0)
    return posterior, code, decoder, likelihood


def bound(trained, test: np.ndarray) -> float:
    """Mean importance-weighted bound in nats, 500 samples a row."""
    posterior, code, decoder, likelihood = trained
    each = importance_weighted_bound(
        test,
        posterior=posterior,
        decoder=decoder,
        prior=code.prior,
        log_likelihood=likelihood.log_prob,
        samples=500,
    )
    return float(each.mean())


def draw(trained, n: int) -> np.ndarray:
    """Samples of the model, with its noise."""
    _, code, decoder, likelihood = trained
    mean = np.asarray(decoder(code.prior.distribution().sample(n, seed=0)))
    noise = np.random.default_rng(0).normal(size=mean.shape)
    return mean + float(likelihood.current_scale()) * noise


def plot(panels: dict[str, np.ndarray], path: Path) -> None:
    """Data and samples side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.9), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True)
    for axis, (title, points) in zip(axes, panels.items(), strict=True):
        axis.plot(*points.T, ".", markersize=1.2, color="#1f4e79")
        axis.set(title=title, aspect="equal", xlim=(-3.6, 3.6), ylim=(-3.6, 3.6))
    save_small(figure, path)


def main() -> None:
    """Prints the bounds of each seed and the margin."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    test = rings_and_blobs(2000, seed=10_000)
    print(f"log density of the data itself: {log_density(test).mean():.3f} nats")
    margins, drawn = [], {"data": test}
    for seed in range(options.seeds):
        found = {}
        for name in ("normal", "flow"):
            trained = train(name, seed, options.epochs)
            found[name] = bound(trained, test)
            drawn.setdefault(f"{name} prior", draw(trained, len(test)))
            print(
                f"seed {seed}, {name} prior: bound {found[name]:.3f} nats", flush=True
            )
        margins.append(found["flow"] - found["normal"])
    print(f"margin of the flow: mean {np.mean(margins):+.3f} nats", end=", ")
    print(f"smallest {min(margins):+.3f} nats")
    if options.figure:
        plot(drawn, options.figure)


if __name__ == "__main__":
    main()
