"""What a handful of labelled observed stars teach a model that is moved to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.sample import Sample
from keras_astro.errors import DataError
from keras_astro.models.stellar import end_name
from keras_astro.tasks.few_shot import FEWEST, fit_correction, interval_factors
from keras_astro.tasks.line_strengths import line_strengths
from keras_astro.tasks.stellar_features import LABELS, model_inputs, read_labels

# What the manifest says of intervals that these stars have scaled.
SCALED = "scaled by the errors of {} labelled observed stars"


@dataclass(frozen=True)
class KnownStars:
    """Labelled observed stars.

    Args:
        truth: Their labels, `(star, label)`.
        depth: 1 less their normalised flux, `(star, pixel)`.
        good: 1 for good pixels, of that shape.
        expected: That of synthetic stars of the same labels.
        within: Whether these labels are among the synthetic ones, `(star,)`.
    """

    truth: np.ndarray
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
            sample: Two rows or more with all labels.
            stem: Raw spectra to normalised ones.
            expect: Labels to the depths of a synthetic star.
            limits: Least and largest synthetic labels, each `(label,)`.

        Raises:
            DataError: If labels are missing, or there are fewer than two stars.
        """
        truth = read_labels(sample)
        if len(truth) < 2:
            raise DataError(
                f"{sample.name}: expected two or more labelled stars, "
                f"found {len(truth)}",
                hint="Name more with --labels, or leave it out.",
            )
        found = stem.predict_on_batch(model_inputs(sample))
        seen, good = (np.asarray(found[name]) for name in ("normalised", "good"))
        expected = expect(np.clip(truth, *limits))
        within = ((truth >= limits[0]) & (truth <= limits[1])).all(axis=1)
        return cls(truth, 1 - seen, good, expected, within)

    def lines(self, without: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Excess of the lines and the doubt left, as `line_strengths` has them.

        Of all stars or of all but one.

        Stars beyond the synthetic labels do not count: nothing is expected of them.
        """
        chosen = self.within.copy()
        if without is not None:
            chosen[without] = False
        return line_strengths(self.depth[chosen], self.expected[chosen])

    def correct(
        self, model: keras.Model, offset: np.ndarray, unit: np.ndarray
    ) -> dict[str, object]:
        """Moves a model's estimates and scales its intervals, by stars left out.

        Args:
            model: Full model whose regressors have learnt the line strengths.
            offset: Of its labels, `(label,)`.
            unit: Theirs.

        Returns:
            What was done, by name.
        """
        estimate, half = self.left_out(model)
        offset, unit = offset.copy(), unit.copy()
        facts: dict[str, object] = {"labelled_rows": len(self.truth)}
        left = []
        for i, name in enumerate(LABELS):
            made = fit_correction(
                self.truth[:, i],
                estimate[:, i],
                center=float(offset[i]),
                unit=float(unit[i]),
            )
            facts[f"correction_{name}"] = {
                "offset": made.offset,
                "slope": made.slope,
                "center": made.center,
                "rms_left_out": float(np.sqrt(np.mean(made.left**2))),
            }
            offset[i] += made.offset
            unit[i] *= 1 + made.slope
            # Half widths are of the estimates before; the units scale them, too.
            left.append(made.left / (half[:, i] * (1 + made.slope)))
        model.get_layer("mixture").set_units(offset, unit)
        if len(self.truth) >= FEWEST:
            factors = interval_factors(np.stack(left, axis=1))
            model.get_layer("bounds").widen(np.repeat(factors, 2, axis=1))
            facts["intervals"] = SCALED.format(len(self.truth))
            for name, factor in zip(LABELS, factors[:, 0], strict=True):
                facts[f"scaling_{name}"] = float(factor)
        return facts

    def left_out(self, model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
        """Estimates that a star's own lines had no part in, and half widths of 68 %.

        The regressors have learnt line strengths from all these stars. Each star is
        shown to them with its lines changed by what it added to the strengths itself,
        behind the stem: normalised once more, it would be another spectrum. That the
        changed lines would move the envelope is left out: of 30 stars of a simulated
        gap it moves estimates by 0.1 K, 0.0005 dex, 0.0002 dex and 0.004 km/s (root
        mean square), where leaving out the star's lines moves them by 3.6 K, 0.006 dex,
        0.005 dex and 0.03 km/s.

        Returns:
            Both `(star, label)`.
        """
        others = [self.lines(without=i)[0] for i in range(len(self.truth))]
        ratio = (1 + self.lines()[0]) / (1 + np.stack(others))
        flux = (1 - self.depth * ratio).astype("float32")
        ends = [end_name(n, f"{side}_68") for n in LABELS for side in ("low", "high")]
        normalised, _, good = model.get_layer("mse").input
        rest = keras.Model(
            [normalised, good], {n: model.output[n] for n in (*LABELS, *ends)}
        )
        found = rest.predict_on_batch([flux, self.good])
        found = {k: np.asarray(v) for k, v in found.items()}
        low, high = (
            np.stack([found[end_name(n, f"{side}_68")] for n in LABELS], axis=1)
            for side in ("low", "high")
        )
        return np.stack([found[n] for n in LABELS], axis=1), (high - low) / 2
