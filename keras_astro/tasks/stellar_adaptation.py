"""Moving a stellar model to observed spectra without labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from keras_astro.data.sample import MemorySource, Sample, Source, Subset
from keras_astro.data.splits import split_by_group
from keras_astro.errors import ConfigError, DataError
from keras_astro.layers.adapting import PARTS, AdaptingAutoencoder
from keras_astro.layers.conformal import fit_reference
from keras_astro.metrics.domains import domain_auc
from keras_astro.models import stellar as models
from keras_astro.models.transfer import (
    freeze,
    pretraining,
    record_pretraining,
    unfreeze,
)
from keras_astro.tasks.base import Adaptation, Parts, Stage
from keras_astro.tasks.dressing import doubted, rolled, widening
from keras_astro.tasks.line_strengths import emulator
from keras_astro.tasks.population import (
    Lines,
    population_lines,
    unexplained,
)
from keras_astro.tasks.stellar_config import StellarConfig
from keras_astro.tasks.stellar_features import (
    BLOCK,
    LABELS,
    Features,
    Prepared,
    blocks,
    features,
    label_units,
    model_inputs,
)
from keras_astro.tasks.stellar_known import KnownStars, truth_of
from keras_astro.tasks.stellar_model import join
from keras_astro.tasks.stellar_regressor import label_stage, regressor_features
from keras_astro.tasks.stellar_response import Response

# Observed rows held back: they choose nothing and set the domain flag.
FRACTIONS = {"train": 0.7, "validation": 0.15, "calibration": 0.15}
# What the manifest says, and with it tables, cards and reports.
INTERVALS = "not calibrated on observed spectra"
# Codes kept to be drawn.
SHOWN = 500
# Synthetic stars whose estimates say what lines do to them, for 15 terms a label.
ANSWERING = 300


class StellarAdaptation(Adaptation):
    """See `Adaptation`.

    The autoencoder is fine-tuned on observed coefficients (`AdaptingAutoencoder`). The
    observed stars, as a population, say how strong and wide lines are
    (`population_lines`). Synthetic stars get such lines and the noise of observed
    ones, and the regressors learn the known labels from the codes of these. Lines and
    widths differ at random from star to star, as those of line lists and instruments
    do, so that no estimate hangs on a few of them. Calibration follows the same path,
    with noise of other observed rows. Labelled stars then say more of the lines
    (`line_strengths`) and so how wrong estimates are (`Response`): nothing is
    trained anew for them.

    Args:
        config: Settings of the new run.
        model: Full model of the parent.
        parts: The parent's rows.
        observed: Observed rows.
        labelled: A handful of observed rows with labels, or None.

    Raises:
        ConfigError: If the regressors have no latents.
        DataError: If observed or labelled spectra have another grid, labelled stars
            are too few or all beyond the synthetic labels, or, later, lines are none of
            such stars.
    """

    def __init__(
        self,
        config: StellarConfig,
        model: keras.Model,
        parts: Parts,
        observed: Source,
        labelled: Sample | None,
    ):
        if config.model.regressor == "direct_cnn":
            raise ConfigError(
                "model.regressor = direct_cnn: has no latents to fine-tune",
                hint="Train with model.regressor=dense or cnn first.",
            )
        self.config, self.labelled, self.name = config, labelled, observed.name
        self.stem = model.get_layer("stem")
        self.components = model.get_layer("components")
        self.level = model.get_layer("level")
        self._check_grid(parts.train, observed)
        self.observed = _divided(observed, config.seed)
        self.level.set_range(0.0, 1e6)
        known = {"train", "validation", "calibration"}
        self.synthetic = {n: self._features(getattr(parts, n), True) for n in known}
        labels = self.synthetic["train"].labels
        self.limits = labels.min(axis=0), labels.max(axis=0)
        if labelled is not None:
            self._check_grid(parts.train, MemorySource(labelled))
            truth_of(labelled, self.limits)
        self.seen = {n: self._features(self.observed[n], False) for n in known}
        self.encoder, self.decoder = (
            self._recorded(model.get_layer(name), len(parts.train))
            for name in ("encoder", "decoder")
        )
        self.codes = {
            n: _run(self.encoder, f.coefficients) for n, f in self.synthetic.items()
        }
        self.before = _run(self.encoder, self.seen["validation"].coefficients)
        self.calibration_groups = parts.calibration.facts()["group"]
        self.atmospheres, self.stars = (
            len(np.unique(source.facts()["group"]))
            for source in (parts.train, observed)
        )
        self.facts: dict[str, object] = {
            "observed_rows": len(observed),
            "intervals": INTERVALS,
        }

    def stages(self) -> Iterator[Stage]:
        """The autoencoder on both domains, then the regressors on dressed stars."""
        yield self._autoencoder_stage()
        yield self.label_stage()

    def label_stage(self) -> Stage:
        """The regressors, once the autoencoder is fitted."""
        levels = self.seen["train"].level
        self.level.set_range(levels.min(), levels.max())
        self.left = self._noise()
        self.lines = population_lines(
            self._mean_depth(), self._mean_shown, name=self.name
        )
        self.facts["line_strength_factor"] = self.lines.grey
        self.facts["line_broadening_square_pixels"] = self.lines.broadening
        labelled = self.labelled
        self.known = None if labelled is None else self.known_stars(labelled)
        repeat = self.config.finetune.dressings
        self.prepared = Prepared(
            self.stem,
            self.components,
            self.level,
            self._dressed("train", repeat),
            self._dressed("validation", 1),
        )
        stage = label_stage(self.config, self.prepared, self.encoder)
        return dataclasses.replace(stage, epochs=self.config.finetune.label_epochs)

    def assemble(self, fitted: Mapping[str, keras.Model]) -> keras.Model:
        """Joins the pieces, calibrates them, and corrects them by labelled stars."""
        model = self.calibrated(fitted["labels"], corrected=self.known is not None)
        if self.known is not None:
            response = self.response(model, fitted["labels"])
            self.facts |= self.known.correct(model, response)
        return model

    def calibrated(self, regressor: keras.Model, *, corrected: bool) -> keras.Model:
        """The full model, its correction not yet set if there is to be one."""
        model = join(
            self.config,
            self.prepared,
            self.encoder,
            self.decoder,
            regressor,
            calibration_rows=len(self.observed["calibration"]),
            corrected=corrected,
        )
        probe = keras.Model(
            model.input, {n: model.output[n] for n in (*models.DOMAIN, "score")}
        )
        found = _outputs(probe, self.observed["validation"])
        domain = [found[name] for name in models.DOMAIN]
        energies = list(models.DOMAIN.values())
        model.get_layer("combined_score").set_reference(
            *fit_reference(domain, energies)
        )
        found = _outputs(probe, self.observed["calibration"])
        model.get_layer("conformal").set_calibration(found["score"])
        dressed = self._dressed("calibration", 1)
        raw = regressor.predict(
            regressor_features(self.config, self.encoder, dressed), verbose=0
        )
        mean, sd = (np.asarray(x) for x in model.get_layer("mixture")(raw))
        bounds = model.get_layer("bounds")
        bounds.calibrate(dressed.labels, mean, sd, self.calibration_groups)
        ends = np.asarray(bounds([mean, sd]))
        bounds.widen(self._widening(model, ends[..., 1] - ends[..., 0]))
        return model

    def summary(self) -> tuple[dict, dict[str, np.ndarray]]:
        """Rows, AUC of a classifier of domains before and after, corrections; codes."""
        after = _run(self.encoder, self.seen["validation"].coefficients)
        drawn = _run(self.encoder, self.prepared.validation.coefficients)
        codes = {
            "synthetic_before": self.codes["validation"][:SHOWN],
            "observed_before": self.before[:SHOWN],
            "synthetic_after": drawn[:SHOWN],
            "observed_after": after[:SHOWN],
        }
        facts = self.facts | {
            f"domain_auc_{when}": domain_auc(
                codes[f"synthetic_{when}"], codes[f"observed_{when}"]
            )
            for when in ("before", "after")
        }
        return facts, codes

    def _check_grid(self, synthetic: Source, observed: Source) -> None:
        ours, theirs = (s.read(0, 1) for s in (synthetic, observed))
        waves = [s.axes.get("wavelength_angstrom") for s in (ours, theirs)]
        widths = [s.inputs["flux"].shape[1] for s in (ours, theirs)]
        same = widths[0] == widths[1] and (
            any(w is None for w in waves) or np.allclose(*waves, rtol=1e-7)
        )
        if not same:
            raise DataError(
                f"{observed.name}: expected the {widths[0]} wavelengths of the run's "
                f"training data, found {widths[1]} or other ones",
                hint="Resample them first: keras_astro.preprocessing.spectra.resample.",
            )

    def _features(self, source: Source, labelled: bool) -> Features:
        return features(
            self.stem, self.components, self.level, source, labelled=labelled
        )

    def _recorded(self, model: keras.Model, rows: int) -> keras.Model:
        if pretraining(model) is not None:
            return model
        return record_pretraining(
            model,
            task=self.config.task,
            data=self.config.finetune.parent_sha256,
            rows=rows,
            epochs=self.config.train.epochs,
        )

    def _autoencoder_stage(self) -> Stage:
        settings = self.config.finetune
        weights = {name: getattr(settings, name, 1.0) for name in PARTS}
        layer = AdaptingAutoencoder(self.encoder, self.decoder, weights, name="moved")
        rows = {part: self._pairs(part) for part in ("train", "validation")}
        inputs = {k: keras.Input(v.shape[1:], name=k) for k, v in rows["train"].items()}
        model = keras.Model(inputs, layer(inputs), name="adaptation")
        layer.set_reference(self.codes["train"])
        freeze(model, "*")
        unfreeze(model, *settings.layers)
        return Stage(
            name="adaptation",
            model=model,
            inputs=rows["train"],
            targets=None,
            validation=(rows["validation"], None),
            loss=None,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            jit=True,
        )

    def _pairs(self, part: str) -> dict[str, np.ndarray]:
        """Observed and synthetic rows side by side, at random, all of both at least."""
        rng = np.random.default_rng([self.config.seed, 3])
        observed, synthetic = self.seen[part], self.synthetic[part]
        sizes = len(observed.level), len(synthetic.level)
        first, second = (np.resize(rng.permutation(n), max(sizes)) for n in sizes)
        return {
            "observed": observed.coefficients[first],
            "synthetic": synthetic.coefficients[second],
            "code": self.codes[part][second],
        }

    def _dressed(self, part: str, repeat: int) -> Features:
        """Synthetic stars with observed lines and noise, and some doubt in the lines.

        What an observed spectrum leaves over lacks the noise that its own code has
        taken up, so that the encoder would not see it. Rolled along the wavelengths, it
        no longer is at right angles to the codes, but as large and as correlated.
        """
        settings = self.config.finetune
        rng = np.random.default_rng([self.config.seed, 4])
        drawn = np.tile(self.synthetic[part].coefficients, (repeat, 1))
        row = rng.integers(len(self.left[part]), size=len(drawn))
        for rows in np.array_split(np.arange(len(drawn)), -(-len(drawn) // BLOCK)):
            depth = self._depth(drawn[rows])
            wrong = doubted(
                self.lines.applied(depth),
                rng,
                lines=settings.line_errors,
                widths=settings.width_errors,
            )
            noise = rolled(self.left[part][row[rows]], rng)
            # Unlike in `_mean_shown`, noise is added after: it is what normalised
            # spectra leave over, less its mean, and would lift the envelope once more.
            # On a simulated gap, [M/H] is 0.035 dex off then, in place of 0.032.
            change = self._normalised(1 - wrong) - (1 - depth)
            drawn[rows] += self._projected(noise + change)
        labels = np.tile(self.synthetic[part].labels, (repeat, 1))
        return Features(drawn, self.seen[part].level[row], None, labels)

    def _noise(self) -> dict[str, np.ndarray]:
        """What is left of observed spectra without all that their codes explain.

        Lines that the components cannot show are left over, too, but stay where they
        are: rolled, they would be noise that observed spectra do not have.
        """
        codes = {n: _run(self.encoder, f.coefficients) for n, f in self.seen.items()}
        left = {n: self._left_over(n) for n in self.observed}
        train, rest = unexplained(codes["train"], left["train"])
        found = {n: train if n == "train" else rest(codes[n], left[n]) for n in left}
        return {n: noise.astype("float32") for n, noise in found.items()}

    def _left_over(self, part: str) -> np.ndarray:
        """Normalised observed spectra without their reconstructions."""
        left = []
        for spectra, _ in blocks(self.stem, self.observed[part]):
            seen = spectra["normalised"]
            star = self.decoder(self.encoder(self.components(seen)))
            left.append(seen - np.asarray(self.components(star, inverse=True)))
        return np.concatenate(left)

    def _mean_depth(self) -> np.ndarray:
        """Of the observed training rows, `(pixel,)`."""
        total = sum(
            (1 - spectra["normalised"]).sum(axis=0, dtype=float)
            for spectra, _ in blocks(self.stem, self.observed["train"])
        )
        return total / len(self.observed["train"])

    def _mean_shown(self, lines: Lines) -> np.ndarray:
        """Of the synthetic training rows with these lines and observed noise."""
        rng = np.random.default_rng([self.config.seed, 5])
        left, stars = self.left["train"], self.synthetic["train"].coefficients
        total = 0.0
        for some in np.array_split(stars, -(-len(stars) // BLOCK)):
            noise = rolled(left[rng.integers(len(left), size=len(some))], rng)
            seen = self._normalised(1 - lines.applied(self._depth(some)) + noise)
            total = total + (1 - seen).sum(axis=0, dtype=float)
        return total / len(stars)

    def _widening(self, model: keras.Model, widths: np.ndarray) -> np.ndarray:
        """Factors of the intervals for what separates the domains, in label units.

        Observed and synthetic stars are alike as populations, so that a difference of
        their mean labels beyond chance is an error of the estimates.
        """
        probe = keras.Model(model.input, {n: model.output[n] for n in LABELS})
        found = [_outputs(probe, part) for part in self.observed.values()]
        seen = np.stack([np.concatenate([f[n] for f in found]) for n in LABELS], axis=1)
        known = self.synthetic["train"].labels
        shift = seen.mean(axis=0) - known.mean(axis=0)
        chance = seen.var(axis=0) / self.stars + known.var(axis=0) / self.atmospheres
        factors = widening(shift, chance, widths)
        for i, name in enumerate(LABELS):
            self.facts[f"shift_{name}"] = float(shift[i])
            self.facts[f"widening_{name}"] = float(factors[i])
        return factors

    def _projected(self, noise: np.ndarray) -> np.ndarray:
        """Coefficients of what is added to a spectrum."""
        noise = noise.astype("float32")
        none = np.zeros_like(noise[:1])
        return np.asarray(self.components(noise) - self.components(none))

    def _normalised(self, flux: np.ndarray) -> np.ndarray:
        """Spectra with changed lines have another upper envelope."""
        return np.asarray(self.stem.get_layer("continuum")(flux.astype("float32")))

    def _depth(self, coefficients: np.ndarray) -> np.ndarray:
        """1 less the flux of coefficients."""
        found = self.components(coefficients.astype("float32"), inverse=True)
        return 1 - np.asarray(found)

    def known_stars(self, labelled: Sample) -> KnownStars:
        """Labelled stars beside what synthetic ones of their labels show."""
        synthetic = self.synthetic["train"]
        expect = emulator(synthetic.labels, synthetic.coefficients.astype(float))
        return KnownStars.read(
            labelled,
            self.stem,
            lambda x: self._believed(expect(x)),
            limits=self.limits,
        )

    def _believed(self, coefficients: np.ndarray) -> np.ndarray:
        """Depths of synthetic stars with observed lines, normalised as these are."""
        depth = self.lines.applied(self._depth(coefficients))
        return 1 - self._normalised(1 - depth)

    def response(self, model: keras.Model, regressor: keras.Model) -> Response:
        """Of a model's estimates to the lines of synthetic stars."""
        rng = np.random.default_rng([self.config.seed, 6])
        synthetic = self.synthetic["train"]
        rows = rng.permutation(len(synthetic.labels))[:ANSWERING]
        level = self.seen["train"].level
        level = level[rng.integers(len(level), size=len(rows))]
        mixture = model.get_layer("mixture")

        def estimate(flux: np.ndarray) -> np.ndarray:
            seen = np.asarray(self.components(flux.astype("float32")))
            seen = np.concatenate([_run(self.encoder, seen), level], axis=1)
            return np.asarray(mixture(regressor(seen))[0], float)

        center, scale = label_units(synthetic.labels)
        return Response(
            self._believed(synthetic.coefficients[rows]),
            estimate,
            center=center,
            scale=scale,
            limits=self.limits,
        )


def _divided(observed: Source, seed: int) -> dict[str, Source]:
    facts = observed.facts()
    split = split_by_group(facts["group"], FRACTIONS, seed=seed, ids=facts["id"])
    return {name: Subset(observed, rows) for name, rows in split.indices.items()}


def _run(model: keras.Model, rows: np.ndarray) -> np.ndarray:
    return model.predict(rows, batch_size=BLOCK, verbose=0)


def _outputs(model: keras.Model, source: Source) -> dict[str, np.ndarray]:
    found = [model.predict_on_batch(model_inputs(s)) for s in source.blocks(BLOCK)]
    return {k: np.concatenate([np.asarray(f[k]) for f in found]) for k in found[0]}
