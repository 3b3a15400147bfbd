"""The explorer's stars: labels, rotation, instrument; intervals over truth."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from keras_astro.data.sample import Sample
from keras_astro.data.star_schema import STELLAR
from keras_astro.explore.case import Case, judged, known
from keras_astro.explore.controls import Group, Slider, Values
from keras_astro.explore.panels import (
    Chart,
    Curve,
    Facts,
    Interval,
    Intervals,
    Scene,
    sparkline,
)
from keras_astro.simulate.spectral_gap import distort, expose
from keras_astro.simulate.stellar import render
from keras_astro.tasks.stellar_config import simulation

# Label: what a reader calls it, its unit, and the step of its slider.
LABELS = {
    "teff_kelvin": ("Effective temperature", "K", 5.0),
    "logg_dex": ("Surface gravity log g", "dex", 0.01),
    "metallicity_dex": ("Metallicity [M/H]", "dex", 0.01),
    "vsini_kms": ("Rotation v sin i", "km/s", 0.1),
}


class StellarCase(Case):
    """See `Case`."""

    orders: ClassVar = {
        "pull": "Error over its stated size",
        "error": "Error over the labels' range",
        "score": "Distance from training stars",
        "reconstruction": "Reconstruction error",
    }

    def __init__(self, config, predictor=None, axes=None):
        super().__init__(config, predictor, axes)
        prior = simulation(config.simulation)
        grid = self.axes.get("wavelength_angstrom")
        if grid is not None:
            ends = float(grid[0]), float(grid[-1])
            prior = prior.replace(window_angstrom=ends, pixels=len(grid))
        self.prior = prior
        self.ranges = {
            name: (float(min(limits)), float(max(limits)))
            for name, limits in ((name, getattr(prior, name)) for name in LABELS)
        }

    @property
    def groups(self):
        """Controls of the star, of the exposure and of what a line list gets wrong."""
        stars = []
        for name, (label, unit, step) in LABELS.items():
            low, high = self.ranges[name]
            value = round((low + high) / 2 / step) * step
            if name == "vsini_kms":
                value = min(max(5.0, low), high)
            stars.append(Slider(name, label, low, high, value, unit, step))
        gap = self.prior.gap
        exposure = (
            Slider("snr", "Signal to noise a pixel", 5, 300, 100, "", 1),
            Slider("rv_kms", "Velocity left over", -20, 20, 0, "km/s", 0.1),
            Slider(
                "continuum_tilt", "Tilt of the continuum", 0, 0.3, gap.continuum_tilt
            ),
            Slider("fringes", "Fringes", 0, 0.1, gap.fringes, "", 0.001),
            Slider("tellurics", "Telluric residuals", 0, 1, gap.tellurics),
            Slider("bad_pixels", "Bad pixels", 0, 0.05, gap.bad_pixels, "", 0.001),
        )
        lines = (
            Slider("line_strength", "Excess of all depths", 0, 0.5, gap.line_strength),
            Slider("line_errors", "Scatter of single depths", 0, 0.5, gap.line_errors),
        )
        return (
            Group("Star", tuple(stars)),
            Group("Exposure", exposure),
            Group("Errors of the line list", lines),
        )

    def draw(self, values: Values) -> Sample:
        """One star at one exposure."""
        snr = values["snr"]
        switches = (
            "continuum_tilt",
            "fringes",
            "tellurics",
            "bad_pixels",
            "line_strength",
            "line_errors",
        )
        gap = self.prior.gap.replace(
            snr=(snr, snr), **{name: values[name] for name in switches}
        )
        config = self.prior.replace(gap=gap)
        rng = np.random.default_rng(values["seed"])
        labels = {name: np.array([values[name]]) for name in LABELS}
        velocity = np.array([values["rv_kms"]])
        clean = render(config, labels, velocity_kms=velocity)
        clean = distort(gap, config.wavelength, clean, rng)
        flux, ivar, mask, _ = expose(gap, clean, rng)
        return Sample(
            STELLAR,
            {
                "flux": flux.astype("float32"),
                "ivar": ivar.astype("float32"),
                "mask": mask,
            },
            {
                **labels,
                "rv_kms": velocity,
                "snr": np.array([snr]),
                "clean_flux": clean,
            },
            {"origin": np.array([config.origin]), "medium": np.array([config.medium])},
            axes={"wavelength_angstrom": config.wavelength},
        )

    def scene(self, sample: Sample) -> Scene:
        """The spectrum; normalised and reconstructed, and labels over truth."""
        flux = good(sample.inputs)
        x, x_label = place(sample)
        curves = [Curve("observed", flux, "data")]
        if "clean_flux" in sample.targets:
            curves.append(Curve("noiseless", sample.targets["clean_flux"][0], "truth"))
        note = str(sample.meta["origin"][0]) if "origin" in sample.meta else ""
        sky = [Chart("Spectrum", x, curves, x_label, "Flux", note=note)]
        if self.predictor is None:
            return Scene(sky)
        found = self.answers(sample, "predict", "reconstruct")
        rows = [self._interval(name, found, sample.targets) for name in LABELS]
        model = [
            Intervals(
                "Labels over truth",
                rows,
                "Dot: estimate; thick: 68 %; thin: 95 %; line: truth.",
            ),
            self._score(sample, found),
        ]
        if "normalised" in found:
            model += spectra(x, x_label, found)
        return Scene(sky, model)

    def _score(self, sample: Sample, found) -> Facts:
        facts = {
            "distance from the training stars": found["score"],
            "p-value": found["p_value"],
            "reconstruction error": found["reconstruction_mse"],
        }
        verdicts = judged(found, "a star like those trained on")
        return Facts("Is it such a star?", facts, verdicts + self.warnings(sample))

    def _interval(self, name: str, found, targets) -> Interval:
        label, unit, _ = LABELS[name]
        ends = {
            level: tuple(found[of(name, f"{side}_{level}")] for side in ("low", "high"))
            for level in (68, 95)
        }
        return Interval(
            label,
            unit,
            found[name],
            found[of(name, "error")],
            ends[68],
            ends[95],
            self.ranges[name],
            known(targets, name),
        )

    def losses(self, outputs, targets):
        """Errors of the worst label of each star."""
        found = {
            "score": outputs["score"],
            "reconstruction": outputs["reconstruction_mse"],
        }
        names = [name for name in LABELS if name in targets]
        if names:
            error = {n: np.abs(outputs[n] - targets[n]) for n in names}
            width = {n: np.ptp(self.ranges[n]) for n in names}
            found["error"] = np.max([error[n] / width[n] for n in names], axis=0)
            found["pull"] = np.max(
                [error[n] / outputs[of(n, "error")] for n in names], axis=0
            )
        return found

    def thumbnail(self, sample):
        """The course of the flux."""
        return sparkline(good(sample.inputs))

    def told(self, order, outputs, targets):
        """The label that is farthest off."""
        names = [name for name in LABELS if name in targets]
        if order in ("score", "reconstruction") or not names:
            return f"score {outputs['score']:.3g}, p {outputs['p_value']:.2g}"
        scale = {n: outputs[of(n, "error")] for n in names}
        if order == "error":
            scale = {n: np.ptp(self.ranges[n]) for n in names}
        off = {n: float((outputs[n] - targets[n]) / scale[n]) for n in names}
        worst = max(off, key=lambda n: abs(off[n]))
        label, unit, _ = LABELS[worst]
        gap = float(outputs[worst] - targets[worst])
        if order == "error":
            return f"{label} off by {gap:+.3g} {unit}"
        return f"{label} off by {off[worst]:+.1f} σ"


def of(label: str, part: str) -> str:
    """Name of a part of a label's estimate, whose unit stays last.

    Example:
        >>> of("teff_kelvin", "low_68")
        'teff_low_68_kelvin'
    """
    stem, _, unit = label.rpartition("_")
    return f"{stem}_{part}_{unit}"


def good(inputs) -> np.ndarray:
    """Flux of the first row, NaN where a pixel does not count."""
    flux = np.asarray(inputs["flux"][0], np.float64)
    keep = np.isfinite(flux)
    if "mask" in inputs:
        keep &= inputs["mask"][0] == 0
    if "ivar" in inputs:
        keep &= inputs["ivar"][0] > 0
    return np.where(keep, flux, np.nan)


def place(sample: Sample) -> tuple[np.ndarray, str]:
    """Wavelengths of a sample, or pixels where it has none, with their label."""
    grid = sample.axes.get("wavelength_angstrom")
    if grid is None:
        return np.arange(sample.inputs["flux"].shape[1], dtype=float), "Pixel"
    return np.asarray(grid, float), "Wavelength (Å)"


def spectra(x, x_label: str, found) -> list[Chart]:
    """The spectrum as the model sees it, its reconstruction, and what is left."""
    seen, drawn = found["normalised"], found["reconstruction"]
    return [
        Chart(
            "Seen by the model and reconstructed",
            x,
            [
                Curve("normalised", seen, "data"),
                Curve("reconstruction", drawn, "model"),
            ],
            x_label,
            "Normalised flux",
        ),
        Chart(
            "What the reconstruction leaves",
            x,
            [Curve("difference", seen - drawn, "residual")],
            x_label,
            "Difference",
            short=True,
        ),
    ]
