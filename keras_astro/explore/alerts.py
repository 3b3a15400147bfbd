"""The explorer's alerts: class, brightness, camera; probabilities and anomaly score."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from keras_astro.data.alert_schema import ALERTS, CHANNELS, CLASSES
from keras_astro.data.sample import Sample
from keras_astro.explore.case import Case, judged
from keras_astro.explore.controls import Choice, Group, Slider, Values
from keras_astro.explore.panels import Bars, Facts, Image, Scene, thumbnail
from keras_astro.simulate.alert_config import BOGUS_KINDS, AlertSimulation
from keras_astro.simulate.alerts import simulate_one

REAL = tuple(name for name in CLASSES if name != "bogus")
WORDS = {
    "SN": "supernova",
    "AGN": "active nucleus",
    "VS": "variable star",
    "asteroid": "asteroid",
    "bogus": "bogus",
}
SIGNS = {"brighter": 1.0, "fainter": 0.0}


class AlertsCase(Case):
    """See `Case`."""

    orders: ClassVar = {
        "mistake": "Wrong class",
        "score": "Anomaly score",
        "reconstruction": "Reconstruction error",
    }

    def __init__(self, config, predictor=None, axes=None):
        super().__init__(config, predictor, axes)
        self.prior = AlertSimulation()

    @property
    def groups(self):
        """Controls of the source and of the camera."""
        real, bogus = ("label", REAL), ("label", ("bogus",))
        kinds = tuple(BOGUS_KINDS)
        return (
            Group(
                "Source",
                (
                    Choice("label", "Class", CLASSES, "SN"),
                    Choice("kind", "Artefact", kinds, "dipole", only=bogus),
                    Slider("mag", "Magnitude of the change", 14, 21.5, 18, only=real),
                    Choice("sign", "Than the template", tuple(SIGNS), "brighter", real),
                ),
            ),
            Group(
                "Camera",
                (
                    Slider("science_fwhm", "Seeing (FWHM)", 1.4, 5, 2.2, "pixels"),
                    Slider("template_fwhm", "Template seeing", 1.4, 5, 2.0, "pixels"),
                    Slider("background", "Sky level", 30, 1500, 130, "DN", step=5),
                    Slider(
                        "template_noise", "Template noise over this one", 0.05, 1.0, 0.2
                    ),
                    Slider("offset", "Misregistration", 0.0, 0.6, 0.05, "pixels"),
                ),
            ),
        )

    def draw(self, values: Values) -> Sample:
        """One alert; the sky around it depends on the seed alone."""
        camera = dataclasses.replace(
            self.prior.camera,
            science_fwhm_pixels=(values["science_fwhm"], 0.0),
            template_fwhm_pixels=(values["template_fwhm"], 0.0),
            background_dn=(values["background"], 0.0),
            template_noise=(values["template_noise"],) * 2,
            misregistration_pixels=values["offset"],
            masked_fraction=0.0,
        )
        label = values["label"]
        prior = self.prior.replace(
            camera=camera,
            bogus={values["kind"]: 1.0},
            positive={name: SIGNS[values["sign"]] for name in CLASSES},
        )
        rng = np.random.default_rng(values["seed"])
        stamps, metadata = simulate_one(prior, label, rng, mag=values["mag"])
        return Sample(
            ALERTS,
            {"stamps": stamps[None], "metadata": metadata[None]},
            {"label": np.array([label])},
        )

    def scene(self, sample: Sample) -> Scene:
        """The three stamps; frame, reconstruction, probabilities and score."""
        stamps = sample.inputs["stamps"][0]
        sky = [
            Image(name.capitalize(), stamps[..., i], softening=0.1, unit="DN")
            for i, name in enumerate(CHANNELS[:2])
        ]
        reach = float(np.nanmax(np.abs(stamps[..., 2]), initial=1e-9))
        sky.append(
            Image("Difference", stamps[..., 2], "signed", -reach, reach, 0.1, "DN")
        )
        if self.predictor is None:
            return Scene(sky)
        found = self.answers(sample, "predict", "reconstruct")
        label = str(sample.targets["label"][0]) if "label" in sample.targets else ""
        return Scene(sky, [*self._numbers(sample, found, label), *pictures(found)])

    def _numbers(self, sample: Sample, found, label: str) -> list[Bars | Facts]:
        shares = {WORDS[name]: float(found[f"probability_{name}"]) for name in CLASSES}
        named = CLASSES[round(float(found["class_index"]))]
        verdicts = []
        if found["abstains"] > 0.5:
            verdicts.append(("note", "Abstains: no class is probable enough."))
        elif label in CLASSES:
            right = named == label
            text = f"Named {WORDS[named]}, and it is {WORDS[label]}."
            verdicts.append(("pass" if right else "fail", text))
        facts = {
            "anomaly score": found["score"],
            "p-value": found["p_value"],
            "reconstruction error": found["reconstruction_mse"],
            "distance in the embedding": found["embedding_distance"],
        }
        verdicts += judged(found, "an alert like those trained on")
        return [
            Bars("Class probabilities", shares, WORDS.get(label, "")),
            Facts("Anomaly score", facts, verdicts + self.warnings(sample), 6),
        ]

    def losses(self, outputs, targets):
        """Mistakes are one minus the probability of the true class."""
        found = {
            "score": outputs["score"],
            "reconstruction": outputs["reconstruction_mse"],
        }
        if "label" in targets:
            labels = targets["label"].astype(str)
            right = np.full(len(labels), np.nan)
            for name in CLASSES:
                rows = labels == name
                right[rows] = outputs[f"probability_{name}"][rows]
            found["mistake"] = 1 - right
        return found

    def thumbnail(self, sample):
        """The science stamp, stretched."""
        middle = sample.inputs["stamps"][0, 12:-12, 12:-12, 0]
        return thumbnail(middle, softening=0.1)

    def told(self, order, outputs, targets):
        """What it was named, and what it is."""
        named = CLASSES[round(float(outputs["class_index"]))]
        text = f"{WORDS[named]} {100 * float(outputs['confidence']):.0f} %"
        label = str(targets.get("label", ""))
        if label:
            text += f", is {WORDS.get(label, label)}"
        return f"score {outputs['score']:.3g}, {text}" if order == "score" else text


def pictures(found) -> list[Image]:
    """Frame and reconstruction, their channels side by side."""
    if "frame" not in found:
        return []
    frame, drawn = side_by_side(found["frame"]), side_by_side(found["reconstruction"])
    low, high = float(np.nanmin(frame)), float(np.nanmax(frame))
    note = "Science, template and difference, stretched."
    return [
        Image("Seen by the model", frame, low=low, high=high, note=note),
        Image("Its reconstruction", drawn, low=low, high=high, note=note),
    ]


def side_by_side(frame: np.ndarray) -> np.ndarray:
    """The first three channels of `(y, x, channel)` as one `(y, 3 x + 2)`."""
    gap = np.full((len(frame), 1), np.nan)
    a, b, c = np.moveaxis(frame[..., :3], -1, 0)
    return np.concatenate([a, gap, b, gap, c], axis=1)
