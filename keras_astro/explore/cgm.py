"""The explorer's sightlines: gas, noise; reconstruction, latents and score."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from keras_astro.data.sample import Sample
from keras_astro.data.schemas import CGM
from keras_astro.explore.case import Case, judged
from keras_astro.explore.controls import Group, Slider, Values
from keras_astro.explore.panels import Chart, Curve, Facts, Scene, sparkline
from keras_astro.explore.stellar import good, place
from keras_astro.simulate import cgm
from keras_astro.simulate.cgm_clouds import Gas, draw_gas
from keras_astro.simulate.cgm_lines import get_line

# A window around a line, in units of its wavelength: 500 km/s to each side.
WINDOW = 500.0 / 299_792.458
# Most clouds of a sightline.
MOST = 4
GAS = Group(
    "Gas of the first cloud",
    (
        Slider("log_hydrogen", "log N(H), cm⁻²", 16, 21, 19.2, "dex"),
        Slider("log_density", "log n(H), cm⁻³", -5, -0.5, -3, "dex"),
        Slider("metallicity", "Metals over solar", -2.5, 0.5, -0.7, "dex"),
        Slider("log_temperature", "log T, K", 3.8, 6, 4.6, "dex"),
        Slider("velocity_kms", "Velocity", -300, 300, 0, "km/s", 1),
        Slider("turbulence_kms", "Turbulence b", 2, 60, 20, "km/s", 0.5),
    ),
)
# Ions whose columns are told.
TOLD = ("H I", "C IV", "Si III", "Si IV", "O VI")


class CgmCase(Case):
    """See `Case`."""

    orders: ClassVar = {
        "reconstruction": "Reconstruction error",
        "score": "Anomaly score",
    }

    def __init__(self, config, predictor=None, axes=None):
        super().__init__(config, predictor, axes)
        prior = config.simulation.prior(config.system.redshift)
        grid = self.axes.get("wavelength_angstrom")
        if grid is not None:
            step = float(grid[-1] - grid[0]) / (len(grid) - 1)
            prior = prior.replace(
                pixels=len(grid), first_angstrom=float(grid[0]), pixel_angstrom=step
            )
        self.prior = prior.replace(clouds=(MOST, MOST), disc_fraction=None)

    @property
    def groups(self):
        """Controls of the first cloud and of the spectrograph."""
        noise = self.prior.noise
        sightline = (
            Slider("clouds", "Clouds (more by the seed)", 1, MOST, 1, "", 1),
            Slider("noise", "Noise over the continuum", 0, 0.2, noise, "", 0.001),
        )
        return (GAS, Group("Sightline", sightline))

    def draw(self, values: Values) -> Sample:
        """One sightline; its further clouds and its noise have seeds of their own."""
        clouds, noise = (
            np.random.default_rng(child)
            for child in np.random.SeedSequence(values["seed"]).spawn(2)
        )
        gas = draw_gas(self.prior, 1, clouds)
        for name in (
            "log_hydrogen",
            "log_density",
            "log_temperature",
            "velocity_kms",
            "turbulence_kms",
        ):
            getattr(gas, name)[0, 0] = values[name]
        gas.metallicity[:] = values["metallicity"]
        gas.present[:] = np.arange(MOST) < values["clouds"]
        gas = few(gas, round(values["clouds"]))
        clean = cgm.render(self.prior, gas)
        flux, noise_mse = cgm.add_noise(clean, noise, sigma=values["noise"])
        return Sample(
            CGM,
            {"flux": flux},
            cgm.truth(gas) | {"noise_mse": noise_mse, "clean_flux": clean},
            axes={"wavelength_angstrom": self.prior.wavelength_angstrom},
        )

    def scene(self, sample: Sample) -> Scene:
        """The spectrum with its lines; reconstruction, latents and score."""
        flux = good(sample.inputs)
        x, x_label = place(sample)
        windows = self._windows(x)
        curves = [Curve("observed", flux, "data")]
        if "clean_flux" in sample.targets:
            curves.append(Curve("noiseless", sample.targets["clean_flux"][0], "truth"))
        top = max(1.15, float(np.nanpercentile(flux, 99.5)) + 0.05)
        ends = {"low": -0.05, "high": top}
        label = "Flux over the continuum"
        sky = [Chart("Spectrum", x, curves, x_label, label, windows, **ends)]
        columns = {
            f"log N({ion})": sample.targets[f"log_{ion.replace(' ', '_')}"][0]
            for ion in TOLD
            if f"log_{ion.replace(' ', '_')}" in sample.targets
        }
        if columns:
            sky.append(Facts("Columns (cm⁻²)", columns, span=12))
        if self.predictor is None:
            return Scene(sky)
        found = self.answers(sample, "predict", "reconstruct")
        model = []
        if "reconstruction" in found:
            drawn = found["reconstruction"]
            curves = [Curve("observed", flux, "data"), Curve("model", drawn, "model")]
            left = [Curve("difference", flux - drawn, "residual")]
            model = [
                Chart("Reconstruction", x, curves, x_label, label, windows, **ends),
                Chart(
                    "What it leaves",
                    x,
                    left,
                    x_label,
                    "Difference",
                    windows,
                    short=True,
                ),
            ]
        return Scene(sky, [*model, *numbers(sample, found, self.warnings(sample))])

    def _windows(self, x: np.ndarray) -> list[tuple[str, float, float]]:
        found = []
        for name in self.prior.lines:
            middle = get_line(name).wavelength_angstrom * (1 + self.prior.redshift)
            low, high = middle * (1 - WINDOW), middle * (1 + WINDOW)
            if low > x[0] and high < x[-1]:
                found.append((name, low, high))
        return found

    def losses(self, outputs, targets):
        """Chi square or squared error of the reconstruction."""
        return {
            "reconstruction": outputs["reconstruction_mse"],
            "score": outputs["score"],
        }

    def thumbnail(self, sample):
        """The course of the flux."""
        return sparkline(good(sample.inputs))

    def told(self, order, outputs, targets):
        """Error, p-value, and the clouds where their number is known."""
        text = f"error {outputs['reconstruction_mse']:.2e}, p {outputs['p_value']:.2g}"
        if "clouds" in targets:
            count = int(targets["clouds"])
            text += f", {count} cloud{'s' * (count > 1)}"
        return text


def few(gas: Gas, clouds: int) -> Gas:
    """The first clouds alone: absent ones cost as much time as present ones."""
    names = (
        "present",
        "log_hydrogen",
        "log_density",
        "metallicity",
        "log_temperature",
        "velocity_kms",
        "turbulence_kms",
    )
    return Gas(**{name: getattr(gas, name)[:, :clouds] for name in names})


def numbers(sample: Sample, found, warnings) -> list[Facts]:
    """Score with its verdict, and the latents."""
    facts = {
        "reconstruction error": found["reconstruction_mse"],
        "score": found["score"],
        "p-value": found["p_value"],
    }
    if "noise_mse" in sample.targets:
        facts["error of a perfect model"] = float(sample.targets["noise_mse"][0])
    verdicts = judged(found, "a spectrum like those trained on")
    latents = {f"z{i + 1}": value for i, value in enumerate(found["z"])}
    return [
        Facts("Score", facts, verdicts + warnings, span=6),
        Facts("The spectrum in a few numbers", latents, span=6),
    ]
