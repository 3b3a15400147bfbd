"""What a handful of labelled observed stars teach a model that is moved to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.sample import Sample
from keras_astro.errors import DataError
from keras_astro.models.stellar import end_name
from keras_astro.tasks.few_shot import FEWEST, fit_shift, interval_factors
from keras_astro.tasks.line_strengths import LabelledLines, line_strengths
from keras_astro.tasks.stellar_features import LABELS, model_inputs, read_labels
from keras_astro.tasks.stellar_response import Response

# What the manifest says of intervals that these stars have scaled.
SCALED = "scaled by the errors of {} labelled observed stars"


@dataclass(frozen=True)
class KnownStars:
    """Labelled observed stars.

    Args:
        truth: Their labels, `(star, label)`.
        spectra: Inputs of the full model.
        depth: 1 less their normalised flux, `(star, pixel)`.
        good: Where this was seen, `(star, pixel)`.
        expected: The depth of synthetic stars of the same labels.
        within: Whether these labels are among the synthetic ones, `(star,)`.
    """

    truth: np.ndarray
    spectra: dict[str, np.ndarray]
    depth: np.ndarray
    good: np.ndarray
    expected: np.ndarray
    within: np.ndarray

    @classmethod
    def read(
        cls,
        sample: Sample,
        stem: keras.Model,
        expect: Callable[[np.ndarray], np.ndarray],
        *,
        limits: tuple[np.ndarray, np.ndarray],
    ) -> KnownStars:
        """From observed rows.

        Args:
            sample: Two rows or more with all labels, on the grid of the stem.
            stem: Raw spectra to normalised ones.
            expect: Labels to the depths of a synthetic star.
            limits: Least and largest synthetic labels, each `(label,)`.

        Raises:
            DataError: As `truth_of` does.
        """
        truth, within = truth_of(sample, limits)
        spectra = model_inputs(sample)
        found = stem.predict_on_batch(spectra)
        seen, good = (np.asarray(found[name]) for name in ("normalised", "good"))
        expected = expect(np.clip(truth, *limits))
        return cls(truth, spectra, 1 - seen, good > 0, expected, within)

    def lines(self, response: Response, without: int | None = None) -> LabelledLines:
        """How their lines differ from those expected; of all stars or of all but one.

        Stars beyond the synthetic labels do not count: nothing is expected of them.
        """
        chosen = self.within.copy()
        if without is not None:
            chosen[without] = False
        labels = response.standardised(self.truth[chosen])
        return line_strengths(
            self.depth[chosen], self.expected[chosen], labels, self.good[chosen]
        )

    def correct(self, model: keras.Model, response: Response) -> dict[str, object]:
        """Corrects a model's estimates and scales its intervals, by stars left out.

        Args:
            model: Full model with a correction that is not yet set.
            response: Of its estimates to lines.

        Returns:
            What was done, by name.
        """
        estimate, half = self._estimates(model)
        weights = response(self.lines(response))
        alone = np.empty_like(estimate)
        for i in range(len(self.truth)):
            one = response(self.lines(response, without=i))
            alone[i] = estimate[i] - response.error(one, estimate[[i]])[0]
        shift, left = fit_shift(alone - self.truth)
        weights[0] += shift
        layer = model.get_layer("correction")
        layer.set_range(
            response.center, response.scale, low=response.low, high=response.high
        )
        layer.set_weights_of(weights)
        moved = response.error(weights, response.believed)
        facts: dict[str, object] = {
            "labelled_rows": len(self.truth),
            "labelled_within": int(self.within.sum()),
        }
        for i, name in enumerate(LABELS):
            facts[f"correction_{name}"] = {
                "mean": float(-moved[:, i].mean()),
                "sd": float(moved[:, i].std()),
                "shift": float(-shift[i]),
                "rms_left_out": float(np.sqrt(np.mean(left[:, i] ** 2))),
            }
        if len(self.truth) >= FEWEST:
            factors = interval_factors(left / half)
            model.get_layer("bounds").widen(np.repeat(factors, 2, axis=1))
            facts["intervals"] = SCALED.format(len(self.truth))
            for name, factor in zip(LABELS, factors[:, 0], strict=True):
                facts[f"scaling_{name}"] = float(factor)
        return facts

    def _estimates(self, model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
        """Estimates and half widths of their 68 % intervals, both `(star, label)`."""
        ends = [end_name(n, f"{side}_68") for n in LABELS for side in ("low", "high")]
        probe = keras.Model(model.input, {n: model.output[n] for n in (*LABELS, *ends)})
        found = probe.predict_on_batch(self.spectra)
        found = {k: np.asarray(v, float) for k, v in found.items()}
        low, high = (
            np.stack([found[end_name(n, f"{side}_68")] for n in LABELS], axis=1)
            for side in ("low", "high")
        )
        return np.stack([found[n] for n in LABELS], axis=1), (high - low) / 2


def truth_of(
    sample: Sample, limits: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of labelled stars, `(star, label)`, and which are among synthetic ones.

    Args:
        sample: Two rows or more with all labels.
        limits: Least and largest synthetic labels, each `(label,)`.

    Raises:
        DataError: If labels are missing, there are fewer than two stars, or none of
            them is among the synthetic ones.
    """
    truth = read_labels(sample)
    if len(truth) < 2:
        raise DataError(
            f"{sample.name}: expected two or more labelled stars, found {len(truth)}",
            hint="Name more with --labels, or leave it out.",
        )
    within = ((truth >= limits[0]) & (truth <= limits[1])).all(axis=1)
    if not within.any():
        ranges = ", ".join(
            f"{name} {low:g} to {high:g}"
            for name, low, high in zip(LABELS, *limits, strict=True)
        )
        raise DataError(
            f"{sample.name}: expected labels among those that RUN was trained on "
            f"({ranges}), found none of {len(truth)} stars with all of them there",
            hint="Check the units of the labels, name other stars, or leave out "
            "--labels.",
        )
    return truth, within
