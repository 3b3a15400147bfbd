"""The explorer's galaxies: shape, PSF, noise; posterior over truth, residual."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.sample import Sample
from keras_astro.errors import UsageError
from keras_astro.explore.case import Case, known
from keras_astro.explore.controls import Group, Slider, Values
from keras_astro.explore.panels import (
    Cloud,
    Facts,
    Image,
    Interval,
    Intervals,
    Scene,
    thumbnail,
)
from keras_astro.metrics.box_posterior import BoxPosterior
from keras_astro.simulate.galaxies import add_noise, draw_image, signal_to_noise
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation

# Longer shears would need images that GalSim takes seconds for.
LONGEST_SHEAR = 0.8
DRAWS = 600
# Colours of the residual reach so many standard deviations.
RESIDUAL_LIMIT = 4.0

LABELS = {
    "flux": ("Flux", "e⁻"),
    "sersic_n": ("Sérsic index", ""),
    "half_light_radius_arcsec": ("Half-light radius", "″"),
    "g1": ("Shear g1", ""),
    "g2": ("Shear g2", ""),
}


class GalaxiesCase(Case):
    """See `Case`."""

    orders: ClassVar = {
        "pull": "Error over its stated size",
        "error": "Error over the prior's range",
        "uncertainty": "Stated uncertainty",
    }

    def __init__(self, config, predictor=None, axes=None):
        super().__init__(config, predictor, axes)
        self.prior = GalaxySimulation.preset("v3")
        self.pixels = self.prior.pixels
        if predictor is not None:
            inputs = predictor.manifest["signatures"]["predict"]["inputs"]
            self.pixels = inputs["image"]["shape"][1]

    @property
    def groups(self):
        """Controls of the galaxy and of the camera."""
        box = self.prior.box
        return (
            Group(
                "Galaxy",
                (
                    Slider("flux", "Flux", *box["flux"], 1.2e5, "e⁻", step=1000),
                    Slider("sersic_n", "Sérsic index", *box["sersic_n"], 1.5),
                    Slider(
                        "half_light_radius_arcsec",
                        "Half-light radius",
                        *box["half_light_radius_arcsec"],
                        0.4,
                        "″",
                        step=0.005,
                    ),
                    Slider("g1", "Shear along x (g1)", *box["g1"], 0.3),
                    Slider("g2", "Shear, diagonal (g2)", *box["g2"], 0.15),
                ),
            ),
            Group(
                "Camera",
                (
                    Slider("psf_fwhm_arcsec", "Seeing (FWHM)", 0.4, 1.3, 0.7, "″"),
                    Slider("noise_sigma", "Sky noise", 50, 600, 200, "e⁻", step=5),
                ),
            ),
        )

    def draw(self, values: Values) -> Sample:
        """One galaxy by GalSim.

        Raises:
            UsageError: If the shear is too long.
        """
        length = float(np.hypot(values["g1"], values["g2"]))
        if length > LONGEST_SHEAR:
            raise UsageError(
                f"Shear (g1, g2): expected a length of at most {LONGEST_SHEAR:g}, "
                f"found {length:.2f}",
                hint="Move g1 or g2 towards 0.",
            )
        fwhm, sigma = values["psf_fwhm_arcsec"], values["noise_sigma"]
        clean = draw_image(
            [values[name] for name in PARAMETERS], fwhm, pixels=self.pixels
        )
        image = add_noise(clean, sigma, np.random.default_rng(values["seed"]))
        return Sample(
            GALAXIES,
            {
                "image": image[None, ..., None].astype("float32"),
                "psf_fwhm_arcsec": np.array([fwhm], "float32"),
                "noise_sigma": np.array([sigma], "float32"),
            },
            {name: np.array([values[name]]) for name in PARAMETERS}
            | {
                "snr": np.array([signal_to_noise(clean, sigma)]),
                "clean_image": clean[None, ..., None],
            },
        )

    def scene(self, sample: Sample) -> Scene:
        """Image and noise; the model's galaxy, its residual and the posterior."""
        image, sigma = (
            sample.inputs["image"][0, ..., 0],
            sample.inputs["noise_sigma"][0],
        )
        sky = []
        # Linear in the noise, logarithmic in the galaxy.
        low, top = -float(sigma), float(image.max())
        shared = {
            "low": low,
            "high": top,
            "softening": 2 * float(sigma) / (top - low),
            "unit": "e⁻",
        }
        note = ""
        if "snr" in sample.targets:
            note = f"Signal to noise: {float(sample.targets['snr'][0]):.1f}."
        if "clean_image" in sample.targets:
            clean = sample.targets["clean_image"][0, ..., 0]
            sky += [
                Image("Noiseless", clean, **shared),
                Image("Observed", image, note=note, **shared),
                Image(
                    "Noise",
                    (image - clean) / sigma,
                    "signed",
                    low=-RESIDUAL_LIMIT,
                    high=RESIDUAL_LIMIT,
                    unit="σ",
                ),
            ]
        else:
            sky.append(Image("Observed", image, note=note, **shared))
        if self.predictor is None:
            return Scene(sky)
        return Scene(sky, self._measured(sample, image, float(sigma), shared))

    def _measured(self, sample: Sample, image, sigma: float, shared: dict) -> list:
        found = self.answers(sample, "predict", "posterior")
        mean = np.array([found[name] for name in PARAMETERS])
        fwhm = float(sample.inputs["psf_fwhm_arcsec"][0])
        model = draw_image(mean, fwhm, pixels=image.shape[0])
        residual = (image - model) / np.sqrt(sigma**2 + np.maximum(model, 0.0))
        chi2 = float(np.mean(residual**2))
        panels = [
            Image(
                "The model's galaxy",
                model,
                note="Rendered from the posterior means.",
                **shared,
            ),
            Image(
                "What it leaves",
                residual,
                "signed",
                low=-RESIDUAL_LIMIT,
                high=RESIDUAL_LIMIT,
                unit="σ",
                note=f"χ² over pixels: {chi2:.3f}; noise alone leaves 1.",
            ),
            Intervals(
                "Posterior over truth",
                [self._interval(name, found, sample.targets) for name in PARAMETERS],
                "Dot: mean; thick: 68 %; thin: 95 %; line: truth.",
            ),
        ]
        if "mixture_weight" in found:
            shears, shapes = self._clouds(found, sample)
            panels.insert(2, shears)
            panels.append(shapes)
        warnings = self.warnings(sample)
        if warnings:
            panels.append(Facts("Warnings", {}, warnings))
        return panels

    def _interval(self, name: str, found, targets) -> Interval:
        q = found[f"{name}_quantiles"]
        label, unit = LABELS[name]
        return Interval(
            label,
            unit,
            found[name],
            found[f"{name}_sd"],
            (q[1], q[3]),
            (q[0], q[4]),
            self.prior.box[name],
            known(targets, name),
        )

    def _clouds(self, found, sample: Sample) -> list[Cloud]:
        low, high = np.array(list(self.prior.box.values())).T
        parts = (found[f"mixture_{p}"][None] for p in ("weight", "location", "scale"))
        draws = BoxPosterior(*parts, low, high).draw(DRAWS)[0]
        truth = [known(sample.targets, name) for name in PARAMETERS]
        note = f"{DRAWS} draws of the posterior."
        limit = None
        if None not in truth:
            note = f"{DRAWS} draws; cross: truth; outline: Cramér-Rao limit, 68 %."
            limit = cramer_rao(truth, sample.inputs, self.pixels)
        clouds = []
        for pair in ([3, 4], [1, 2]):
            a, b = (PARAMETERS[i] for i in pair)
            centre = tuple(truth[i] for i in pair)
            clouds.append(
                Cloud(
                    f"{LABELS[a][0]} and {LABELS[b][0].lower()}",
                    *draws[:, pair].T,
                    labelled(a),
                    labelled(b),
                    None if limit is None else centre,
                    None if limit is None else outline(limit, pair, centre),
                    note=note,
                )
            )
        return clouds

    def losses(self, outputs, targets):
        """Errors of the worst parameter of each galaxy."""
        sd = {n: outputs[f"{n}_sd"] for n in PARAMETERS}
        width = {n: high - low for n, (low, high) in self.prior.box.items()}
        found = {"uncertainty": np.mean([sd[n] / width[n] for n in PARAMETERS], axis=0)}
        if all(name in targets for name in PARAMETERS):
            error = {n: np.abs(outputs[n] - targets[n]) for n in PARAMETERS}
            found["pull"] = np.max([error[n] / sd[n] for n in PARAMETERS], axis=0)
            found["error"] = np.max([error[n] / width[n] for n in PARAMETERS], axis=0)
        return found

    def thumbnail(self, sample):
        """The image, stretched."""
        return thumbnail(sample.inputs["image"][0, ..., 0], side=64, softening=0.1)

    def told(self, order, outputs, targets):
        """The parameter that is farthest off."""
        if order == "uncertainty" or not all(n in targets for n in PARAMETERS):
            return f"g1 ± {outputs['g1_sd']:.2f}, n ± {outputs['sersic_n_sd']:.2f}"
        scale = {n: float(outputs[f"{n}_sd"]) for n in PARAMETERS}
        if order == "error":
            scale = {n: high - low for n, (low, high) in self.prior.box.items()}
        off = {n: float(outputs[n] - targets[n]) / scale[n] for n in PARAMETERS}
        worst = max(off, key=lambda n: abs(off[n]))
        label = LABELS[worst][0]
        if order == "error":
            return f"{label} off by {100 * off[worst]:+.0f} % of its range"
        return f"{label} off by {off[worst]:+.1f} σ"


def labelled(name: str) -> str:
    """Label with its unit in brackets."""
    label, unit = LABELS[name]
    return f"{label} ({unit})" if unit else label


class GalSimImages:
    """GalSim behind the interface of the batched renderer, for one image at a time.

    Args:
        pixels: Side of an image.
    """

    def __init__(self, pixels: int):
        self.pixels = pixels

    def images(self, parameters, psf_fwhm_arcsec) -> np.ndarray:
        """Images `(row, y, x)` without noise of parameters `(row, 5)`."""
        rows = zip(parameters, psf_fwhm_arcsec, strict=True)
        return np.stack([draw_image(p, f, pixels=self.pixels) for p, f in rows])


def cramer_rao(truth, inputs, pixels: int) -> np.ndarray:
    """Least covariance of any unbiased estimate, `(5, 5)`, of one galaxy."""
    from keras_astro.evaluation.galaxy_limits import fisher

    row = np.asarray(truth, float)[None]
    fwhm, sigma = inputs["psf_fwhm_arcsec"], inputs["noise_sigma"]
    matrix = fisher(GalSimImages(pixels), row, fwhm, sigma)[0]
    return np.linalg.inv(matrix)


def outline(covariance: np.ndarray, pair: list[int], centre) -> np.ndarray:
    """Points `(point, 2)` of the ellipse that holds 68 % of a Gaussian of two axes."""
    # Chi square of two degrees of freedom: -2 ln(1 - 0.683).
    root = np.sqrt(2.30) * np.linalg.cholesky(covariance[np.ix_(pair, pair)])
    angle = np.linspace(0, 2 * np.pi, 73)
    return centre + np.stack([np.cos(angle), np.sin(angle)], axis=1) @ root.T
