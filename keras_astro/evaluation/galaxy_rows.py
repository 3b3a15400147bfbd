"""Measured test rows of a galaxy model, and what classical methods make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_astro.data.galaxy_schema import refuse_gaps
from keras_astro.data.sample import MemorySource, Sample, Source
from keras_astro.errors import DataError
from keras_astro.evaluation.galaxy_fits import Fits, fit_galaxies
from keras_astro.evaluation.galaxy_limits import cramer_rao
from keras_astro.evaluation.subject import Subject
from keras_astro.inference.batch import predict_source
from keras_astro.metrics.box_posterior import BoxPosterior
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer
from keras_astro.tasks.catalog import model_rows


@dataclass
class GalaxyRows:
    """Test rows with estimates.

    Args:
        outputs: The table's outputs by name.
        posterior: Whole posteriors; None from an artefact without that signature.
        truth: `(row, 5)`; None where the data does not know it.
        images: `(row, y, x)`.
        fwhm: FWHM of the PSF in arcsec, `(row,)`.
        sigma: Noise of the sky, `(row,)`.
        snr: Signal to noise of the estimated model, or of the truth, `(row,)`.
        chi2: Chi^2 over the number of pixels of the image rendered anew, `(row,)`.
        bound: Cramer-Rao covariances at the truth, `(row, 5, 5)`, or None.
        fits: Maximum-likelihood fits of the first rows, or None.
        flags: Quality flags of the rows.
        resamples: Bootstrap resamples.
    """

    outputs: dict[str, np.ndarray]
    posterior: BoxPosterior | None
    truth: np.ndarray | None
    images: np.ndarray
    fwhm: np.ndarray
    sigma: np.ndarray
    snr: np.ndarray
    chi2: np.ndarray
    bound: np.ndarray | None
    fits: Fits | None
    flags: np.ndarray
    resamples: int = 1000

    @property
    def mean(self) -> np.ndarray:
        """Posterior means, `(row, 5)`."""
        return np.stack([self.outputs[name] for name in PARAMETERS], axis=1)

    @property
    def sd(self) -> np.ndarray:
        """Posterior standard deviations, `(row, 5)`."""
        return np.stack([self.outputs[f"{name}_sd"] for name in PARAMETERS], axis=1)


def measure_rows(subject: Subject) -> GalaxyRows:
    """Predicts all rows, renders them anew, bounds and fits them.

    Raises:
        DataError: If a row cannot be measured.
    """
    predictor = subject.predictor
    source, sample = _measurable(subject)
    outputs, flags = predict_source(predictor, source)
    images = sample.inputs["image"][..., 0]
    fwhm, sigma = sample.inputs["psf_fwhm_arcsec"], sample.inputs["noise_sigma"]
    known = all(name in sample.targets for name in PARAMETERS)
    truth = None
    if known:
        truth = np.stack([sample.targets[n] for n in PARAMETERS], axis=1)
    renderer = GalaxyRenderer(pixels=images.shape[1])
    mean = np.stack([outputs[name] for name in PARAMETERS], axis=1)
    model = renderer.images(mean, fwhm)
    signal = renderer.images(truth, fwhm) if known else model
    rows = GalaxyRows(
        outputs=outputs,
        posterior=posterior_of(predictor, sample.inputs),
        truth=truth,
        images=images,
        fwhm=fwhm,
        sigma=sigma,
        snr=np.sqrt(np.sum(signal**2, axis=(1, 2))) / sigma,
        chi2=np.mean(
            (images - model) ** 2
            / (sigma[:, None, None] ** 2 + np.maximum(model, 0.0)),
            axis=(1, 2),
        ),
        bound=cramer_rao(renderer, truth, fwhm, sigma) if known else None,
        fits=None,
        flags=flags,
    )
    if subject.run is not None and known:
        settings = subject.run.config.evaluation
        rows.resamples = settings.bootstrap
        count = min(settings.fitted_rows, len(images))
        if count:
            subject.story(f"fitting {count} galaxies by maximum likelihood")
            rows.fits = fit_galaxies(
                renderer, images[:count], fwhm[:count], sigma[:count], *limits()
            )
    return rows


def _measurable(subject: Subject) -> tuple[Source, Sample]:
    """The test rows as the model takes them, all of which it can measure."""
    rows = subject.test.read()
    refuse_gaps(rows)
    source = model_rows(MemorySource(rows), subject.predictor.manifest)
    sample = source.read()
    faults = sample.meta["fault"]
    if np.any(faults != ""):
        first = (faults != "").argmax()
        raise DataError(
            f"{sample.name}: {(faults != '').sum()} of {len(sample)} rows cannot be "
            f"measured; the first is {sample.meta['id'][first]}: {faults[first]}",
            hint="Leave such rows out; kastro predict keeps them, with the reason.",
        )
    return source, sample


def posterior_of(predictor, inputs) -> BoxPosterior | None:
    """Whole posteriors of rows, from a model that gives them."""
    if "posterior" not in predictor.signatures:
        return None
    found = predictor.run("posterior", inputs)
    parts = (found[f"mixture_{part}"] for part in ("weight", "location", "scale"))
    return BoxPosterior(*parts, *limits())


def limits() -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits of the parameters."""
    low, high = np.array(list(GalaxySimulation().box.values())).T
    return low, high
