"""Alerts with known class: draws a sky, exposes it twice, subtracts, cuts stamps.

Blocks of alerts have seeds of their own, so the rows depend on the seed alone and not
on how many processes made them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from keras_astro.data.alert_schema import ALERTS
from keras_astro.data.parallel import in_order
from keras_astro.data.sample import Sample, concatenate
from keras_astro.simulate.alert_camera import expose
from keras_astro.simulate.alert_config import AlertSimulation
from keras_astro.simulate.alert_histories import (
    FIRST_MJD,
    Epoch,
    draw_epochs,
    same_place,
)
from keras_astro.simulate.alert_metadata import draw_metadata
from keras_astro.simulate.alert_sources import set_magnitude

BLOCK = 64
# Brighter stars are always covered.
SATURATED_MAG = 11.5


def simulate(config: AlertSimulation, n: int, *, seed: int, jobs: int = 1) -> Sample:
    """Simulates alerts in memory; see `iter_simulate`.

    Example:
        >>> sample = simulate(AlertSimulation(), 5, seed=1)
        >>> sample.inputs["stamps"].shape, sorted(sample.targets["label"].tolist())
        ((5, 63, 63, 3), ['AGN', 'SN', 'VS', 'asteroid', 'bogus'])
    """
    return concatenate(list(iter_simulate(config, n, seed=seed, jobs=jobs)))


def iter_simulate(
    config: AlertSimulation, n: int, *, seed: int, jobs: int = 1, skip: int = 0
) -> Iterator[Sample]:
    """Simulates alerts block by block.

    Args:
        config: What is drawn.
        n: Number of alerts.
        seed: Same seed, same rows, whatever `jobs`.
        jobs: Processes.
        skip: Leading blocks that are done already.

    Yields:
        Samples of at most 64 alerts with stamps `(row, 63, 63, 3)`, metadata and class.
    """
    names = np.array(list(config.shares))
    edges = np.cumsum(list(config.shares.values()))
    # Evenly spread, so that any first rows have the shares too.
    spread = (np.arange(n) * 0.6180339887 + 0.5) % 1.0 * edges[-1]
    if np.allclose(np.diff(edges, prepend=0), edges[0]):
        spread = (np.arange(n) % len(names) + 0.5) / len(names) * edges[-1]
    labels = names[np.searchsorted(edges, spread)]
    seeds = np.random.SeedSequence(seed).spawn(-(-n // BLOCK))
    tasks = [
        (child, start, labels[start : start + BLOCK])
        for child, start in zip(seeds, range(0, n, BLOCK), strict=True)
    ]
    yield from in_order(partial(_block, config, seed), tasks, jobs=jobs, skip=skip)


def _block(config: AlertSimulation, seed: int, task) -> Sample:
    child, start, labels = task
    rng = np.random.default_rng(child)
    # The matrices are so small that threads cost more than they compute.
    with threadpool_limits(1, "blas"):
        rows = list(itertools.islice(_objects(config, labels, rng), len(labels)))
    meta = {
        "id": np.array([f"sim-{seed}-{start + i}" for i in range(len(rows))]),
        "group": np.array([f"sim-{seed}-{start + row.number}" for row in rows]),
    }
    if config.max_alerts > 1:
        meta["mjd"] = np.array([row.mjd for row in rows])
        meta["band"] = np.array([row.band for row in rows])
    return Sample(
        ALERTS,
        {
            "stamps": np.stack([row.stamps for row in rows]),
            "metadata": np.stack([row.metadata for row in rows]),
        },
        {"label": np.array([row.label for row in rows])},
        meta,
        "simulated alerts",
    )


@dataclass
class Alert:
    """A simulated alert.

    Args:
        label: Class.
        number: Of its object, in the block.
        stamps: `(63, 63, 3)`.
        metadata: `(feature,)`.
        mjd: Time of the exposure.
        band: Filter.
    """

    label: str
    number: int
    stamps: np.ndarray
    metadata: np.ndarray
    mjd: float
    band: str


def _objects(config: AlertSimulation, labels, rng) -> Iterator[Alert]:
    """Alerts of whole objects, in all as many of each class as there are labels."""
    if config.max_alerts == 1:
        for number, label in enumerate(labels):
            (epoch,) = draw_epochs(config, str(label), rng)
            stamps, metadata = expose_alert(config, str(label), epoch, rng)
            yield Alert(str(label), number, stamps, metadata, np.nan, "")
        return
    left = Counter(str(label) for label in labels)
    for number in itertools.count():
        # In the order of `Counter`, so that rows depend on the seed alone.
        ((label, wanted),) = left.most_common(1)
        if not wanted:
            return
        start, first = rng.uniform(*FIRST_MJD), None
        for i, epoch in enumerate(draw_epochs(config, label, rng)[:wanted]):
            stamps, metadata = expose_alert(config, label, epoch, rng)
            first = metadata if first is None else first
            metadata = same_place(first, metadata, epoch, i)
            yield Alert(label, number, stamps, metadata, start + epoch.days, epoch.band)
            left[label] -= 1


def simulate_one(
    config: AlertSimulation,
    label: str,
    rng: np.random.Generator,
    *,
    mag: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The first alert of an object of a class, see `expose_alert`.

    Args:
        config: What is drawn.
        label: The class.
        rng: Source of randomness.
        mag: Magnitude of the change; as drawn when None. Artefacts have none.
    """
    epoch = draw_epochs(config, label, rng)[0]
    if label != "bogus" and mag is not None:
        set_magnitude(epoch.sky, mag)
    return expose_alert(config, label, epoch, rng)


def expose_alert(
    config: AlertSimulation, label: str, epoch: Epoch, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Takes, subtracts and masks the images of one alert.

    Returns:
        Stamps `(63, 63, 3)` with a positive source in the difference and NaN where
        masked, and its metadata.
    """
    camera, sky, exposure = config.camera, epoch.sky, epoch.exposure
    positive = epoch.positive
    stamps = expose(
        camera,
        exposure,
        static=sky.static,
        science=sky.science,
        template=sky.template,
        added=epoch.added,
        rng=rng,
    )
    if label == "bogus":
        # The detector finds a peak of either sign; the packet turns it upright.
        middle = stamps[28:35, 28:35, 2]
        positive = middle.max() >= -middle.min()
    if not positive:
        stamps[..., 2] *= -1
    points = sky.static.points
    saturated = [p for p in points if p[2] > exposure.flux(SATURATED_MAG)]
    _cover(stamps, saturated, rng, sizes=(8, 12))
    if rng.random() < (0.25 if label == "bogus" else camera.masked_fraction):
        mask_pixels(stamps, [p for p in points if p[2] > exposure.flux(15.5)], rng)
    return stamps, draw_metadata(label, sky, exposure, positive, stamps, rng)


def mask_pixels(stamps: np.ndarray, bright: list, rng: np.random.Generator) -> None:
    """Makes pixels invalid in all channels: an edge of the detector, or squares.

    Args:
        stamps: `(y, x, channel)`, changed in place.
        bright: Stars `x, y, flux` that the pipeline covers with squares.
        rng: Source of randomness.
    """
    side = len(stamps)
    middle = side // 2
    if rng.random() < 0.4 or not bright:
        depth = rng.integers(3, middle - 1)
        view = stamps if rng.random() < 0.5 else stamps.transpose(1, 0, 2)
        view[slice(depth) if rng.random() < 0.5 else slice(-depth, None)] = np.nan
        return
    _cover(stamps, bright, rng, sizes=(4, 9))


def _cover(stamps, bright: list, rng, *, sizes: tuple[int, int]) -> None:
    """Squares over stars that are not in the middle, of half a side in `sizes`."""
    middle = len(stamps) // 2
    for x, y, _ in bright:
        row, column = middle + round(y), middle + round(x)
        # What is detected has data in its very centre.
        distance = max(abs(row - middle), abs(column - middle))
        half = min(int(rng.integers(*sizes)), distance - 2)
        if half > 3:
            rows = slice(max(row - half, 0), max(row + half, 0))
            stamps[rows, max(column - half, 0) : max(column + half, 0)] = np.nan
