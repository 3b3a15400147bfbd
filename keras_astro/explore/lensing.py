"""The explorer's lenses: mass, source, substructure, camera; score and anomaly map."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from keras_astro.data.sample import Sample
from keras_astro.data.schemas import LENSING
from keras_astro.explore.case import Case, judged, known
from keras_astro.explore.controls import Choice, Group, Slider, Values
from keras_astro.explore.panels import (
    Facts,
    Image,
    Interval,
    Intervals,
    Scene,
    thumbnail,
)
from keras_astro.simulate import lensing
from keras_astro.simulate.lens_camera import add_noise, jpeg_round_trip
from keras_astro.simulate.lens_config import PRESETS, LensingSimulation
from keras_astro.simulate.lens_fields import convergence_field
from keras_astro.simulate.lens_subhalos import KINDS

# Standard deviations that a colour of the anomaly map reaches to.
MAP_LIMIT = 6.0
MASS = "subhalo_mass_fraction"
LENS = Group(
    "Lens",
    (
        Slider("theta_E_arcsec", "Einstein radius", 0.5, 1.5, 1.0, "″"),
        Slider("e1", "Ellipticity along x", -0.3, 0.3, 0.12),
        Slider("e2", "Ellipticity, diagonal", -0.3, 0.3, 0.0),
        Slider("gamma1", "Shear along x", -0.3, 0.3, 0.08),
        Slider("gamma2", "Shear, diagonal", -0.3, 0.3, 0.0),
    ),
)


class LensingCase(Case):
    """See `Case`."""

    orders: ClassVar = {
        "mistake": "Missed, or falsely alarmed",
        "score": "Anomaly score",
        "reconstruction": "Reconstruction error",
    }

    def __init__(self, config, predictor=None, axes=None):
        super().__init__(config, predictor, axes)
        self.prior = LensingSimulation.preset(config.simulation.preset)
        self.bands = 1
        if predictor is not None:
            inputs = predictor.manifest["signatures"]["predict"]["inputs"]
            _, side, _, self.bands = inputs["image"]["shape"]
            self.prior = of_side(self.prior, side)

    @property
    def groups(self):
        """Controls in the order of the light's way."""
        prior = self.prior

        def middle(name: str, digits: int = 2) -> float:
            return round(float(np.mean(getattr(prior, name))), digits)

        radius, ratio = middle("source_radius_arcsec"), middle("source_over_lens")
        fraction, seeing = middle("subhalo_mass_fraction", 3), middle("psf_fwhm_arcsec")
        noise, counts = prior.background_rms, prior.peak_counts
        source = (
            Slider("source_x_arcsec", "Offset in x", -1, 1, 0.2, "″"),
            Slider("source_y_arcsec", "Offset in y", -1, 1, 0.1, "″"),
            Slider("source_radius_arcsec", "Effective radius", 0.05, 0.6, radius, "″"),
            Slider("source_amplitude", "Brightness over the lens", 0.1, 3, ratio),
        )
        dark = (
            Slider(MASS, "Mass in subhalos over θE²", 0, 0.2, fraction, step=0.001),
            Slider("subhalo_count", "Expected number", 1, 60, 25, step=1),
            Choice("subhalo_kind", "Profile", KINDS, prior.subhalo_kind),
        )
        camera = (
            Slider("psf_fwhm_arcsec", "Seeing (FWHM)", 0.05, 0.6, seeing, "″"),
            Slider("background_rms", "Sky noise over peak", 0, 0.05, noise, "", 0.0005),
            Slider("peak_counts", "Photons in the peak", 0, 10_000, counts, "", 100),
        )
        return (
            LENS,
            Group("Source", source),
            Group("Dark substructure", dark),
            Group("Camera", camera),
        )

    def draw(self, values: Values) -> Sample:
        """One lens; its subhalos and its noise have streams of their own."""
        values = dict(values)
        halos, noise = (
            np.random.default_rng(child)
            for child in np.random.SeedSequence(values.pop("seed")).spawn(2)
        )
        fraction = values.pop(MASS)
        settings = {f.name for f in dataclasses.fields(self.prior)}
        config = self.prior.replace(
            subhalo_mass_fraction=(fraction, fraction),
            **{k: v for k, v in values.items() if k in settings and k not in MEASURED},
        )
        parameters = self._parameters(values)
        anomalous = np.array([fraction > 0])
        subhalos = lensing.draw_subhalos(config, parameters, anomalous, halos)
        mass = convergence_field(lensing.pixel_axis(config), subhalos)
        if config.mass_matched:
            parameters = lensing.give_up_mass(config, parameters, mass)
        clean = lensing.render(config, parameters, subhalos=subhalos)
        image = add_noise(
            clean,
            noise,
            peak_counts=config.peak_counts,
            background_rms=config.background_rms,
        )
        if config.eight_bit_jpeg:
            image = jpeg_round_trip(image, quality=config.eight_bit_jpeg)
        truth = {name: parameters[name] for name in lensing.MACRO}
        return Sample(
            LENSING,
            {"image": np.repeat(image[..., None], self.bands, -1).astype("float32")},
            truth
            | {
                "is_anomaly": anomalous.astype("uint8"),
                MASS: np.array([fraction]),
                "substructure_map": mass,
                "clean_image": clean[..., None],
            },
        )

    def _parameters(self, values: Values) -> dict[str, np.ndarray]:
        """Smooth lens by the sliders; what has none is in the middle of its prior."""
        drawn = lensing.draw_parameters(self.prior, 1, np.random.default_rng(0))
        for name in ("lens_radius_arcsec", "lens_n", "source_n"):
            drawn[name] = np.array([np.mean(getattr(self.prior, name))])
        for name in ("source_e1", "source_e2", "lens_e1", "lens_e2"):
            drawn[name] = np.zeros(1)
        drawn |= {k: np.array([v]) for k, v in values.items() if k in drawn}
        return drawn | {"host_theta_E_arcsec": drawn["theta_E_arcsec"]}

    def scene(self, sample: Sample) -> Scene:
        """Image and truth; frame, reconstruction, anomaly map and numbers."""
        targets = sample.targets
        sky = [Image("Observed", grey(sample.inputs["image"]), softening=0.1)]
        if "clean_image" in targets:
            sky.insert(
                0, Image("Noiseless", grey(targets["clean_image"]), softening=0.1)
            )
        if "substructure_map" in targets:
            mass = targets["substructure_map"][0]
            high = max(float(mass.max()), 0.1)
            note = "Convergence of the subhalos; no image shows it."
            sky.append(
                Image("Dark matter (truth)", mass, "viridis", 0.0, high, note=note)
            )
        if self.predictor is None:
            return Scene(sky)
        found = self.answers(sample, "predict", "reconstruct", "score")
        return Scene(
            sky, [*pictures(found), *numbers(found, self.warnings(sample), targets)]
        )

    def losses(self, outputs, targets):
        """Mistakes are the p-value of an anomaly, and one minus that of a normal."""
        found = {
            "score": outputs["score"],
            "reconstruction": outputs["reconstruction_mse"],
        }
        if "is_anomaly" in targets:
            anomalous = targets["is_anomaly"] > 0
            chance = outputs["p_value"]
            found["mistake"] = np.where(anomalous, chance, 1 - chance)
        return found

    def thumbnail(self, sample):
        """The image, stretched."""
        return thumbnail(grey(sample.inputs["image"]), softening=0.1)

    def told(self, order, outputs, targets):
        """Score, p-value, and what the lens really is."""
        text = f"score {outputs['score']:.3g}, p {outputs['p_value']:.2g}"
        if "is_anomaly" in targets:
            is_dark = targets["is_anomaly"] > 0
            text += ", substructure" if is_dark else ", smooth"
        return text


# Names that are both a prior's range and a single lens' value.
MEASURED = ("theta_E_arcsec", "source_radius_arcsec")


def of_side(prior: LensingSimulation, side: int) -> LensingSimulation:
    """A recipe with images of a side: its own, a preset's, or its field resampled."""
    if prior.pixels == side:
        return prior
    for name in PRESETS:
        other = LensingSimulation.preset(name)
        if other.pixels == side:
            return other
    scale = prior.pixel_scale_arcsec * prior.pixels / side
    return prior.replace(pixels=side, pixel_scale_arcsec=scale)


def grey(images: np.ndarray) -> np.ndarray:
    """Mean over the bands of the first image, `(y, x)`."""
    return np.asarray(images[0], np.float64).mean(axis=-1)


def pictures(found) -> list[Image]:
    """What the model sees, its reconstruction and the anomaly map."""
    shown = []
    if "frame" in found:
        frame, drawn = found["frame"][..., 0], found["reconstruction"][..., 0]
        low, high = float(frame.min()), float(frame.max())
        note = "Cropped, stretched and binned."
        shown += [
            Image("Seen by the model", frame, low=low, high=high, note=note),
            Image("Its reconstruction", drawn, low=low, high=high),
        ]
    if "anomaly_map" in found:
        surface = np.squeeze(found["anomaly_map"])
        note = "Smoothed residual over its expected scatter."
        high = max(MAP_LIMIT, float(surface.max()))
        shown.append(
            Image(
                "Anomaly map",
                surface,
                "viridis",
                low=0.0,
                high=high,
                unit="σ",
                note=note,
            )
        )
    return shown


def numbers(found, warnings, targets) -> list[Facts | Intervals]:
    """Verdict, scores and the Einstein radius over its truth."""
    facts = {
        "anomaly score": found["score"],
        "p-value": found["p_value"],
        "reconstruction error": found["reconstruction_mse"],
        "largest residual": found["residual_max"],
        "distance to normal lenses": found["tangent_residual"],
    }
    if "is_anomaly" in targets:
        is_dark = bool(targets["is_anomaly"][0])
        facts["truth"] = "substructure" if is_dark else "smooth"
    verdicts = judged(found, "a normal lens") + warnings
    panels: list[Facts | Intervals] = [Facts("Anomaly score", facts, verdicts, span=6)]
    if "theta_E_error_arcsec" in found:
        mean, error = found["theta_E_arcsec"], found["theta_E_error_arcsec"]
        truth = known(targets, "theta_E_arcsec")
        middle = mean if truth is None else truth
        reach = max(4 * error, 0.1, 1.3 * abs(mean - middle))
        row = Interval(
            "Einstein radius",
            "″",
            mean,
            error,
            (mean - error, mean + error),
            (mean - 1.96 * error, mean + 1.96 * error),
            (middle - reach, middle + reach),
            truth,
        )
        panels.append(Intervals("Lens parameters", [row], span=6))
    return panels
