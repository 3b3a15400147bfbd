"""A science case whose trials take milliseconds, for the tests of the search."""

import keras
import numpy as np

from keras_astro.data.sample import MemorySource, Sample
from keras_astro.data.schemas import LENSING
from keras_astro.tasks.base import Stage, Task
from keras_astro.tasks.catalog import load_config
from keras_astro.tuning.spaces import Dimension, SearchSpace

NORMAL, ANOMALIES = 60, 12

# Pixels of anomalies lie far above those of normal rows, so that any array which
# holds one of them gives itself away.
ANOMALOUS_PIXEL = 1000.0

SPACE = SearchSpace(
    task="lensing",
    dimensions=(
        Dimension(
            "objective.kl", low=1e-6, high=1e-2, when=("model.variational", True)
        ),
        Dimension("model.hidden", choices=((4,), (6, 4), (8,))),
        Dimension("model.latent_dim", choices=(1, 2, 3)),
        Dimension("train.learning_rate", low=1e-3, high=1e-1, log=True),
    ),
    during_search={"physics.enabled": False},
    withheld=("is_anomaly", "subhalo_mass_fraction"),
)

SETTINGS = (
    "seed=3",
    "data.validation_fraction=0.2",
    "data.calibration_fraction=0.2",
    "model.hidden=[6, 4]",
    "model.latent_dim=2",
    "train.epochs=3",
    "train.batch_size=16",
    "train.learning_rate=0.02",
    "train.strategy=cpu",
    "train.jit='off'",
    "train.steps_per_execution=1",
    "train.checkpoint_seconds=0",
    "tune.oracle=random",
    "tune.trials=5",
    "tune.epochs=2",
)


def make_config(*overrides):
    """Settings of the fake case; `a.b=c` overrides come last."""
    return load_config("lensing", [*SETTINGS, *overrides])


def make_source():
    """Normal rows and anomalies, shuffled, with the targets that tell them apart."""
    rng = np.random.default_rng(0)
    anomalous = rng.permutation(np.arange(NORMAL + ANOMALIES) < ANOMALIES)
    image = rng.normal(size=(len(anomalous), 2, 2, 1)).astype("float32")
    image[anomalous] += ANOMALOUS_PIXEL
    targets = {
        "is_anomaly": anomalous.astype("uint8"),
        "subhalo_mass_fraction": 0.01 * anomalous.astype("float32"),
        "theta_E_arcsec": rng.uniform(0.8, 1.2, len(anomalous)).astype("float32"),
    }
    return MemorySource(Sample(LENSING, {"image": image}, targets))


class FakeTask(Task):
    """An autoencoder of four pixels.

    Args:
        fits: Whether there are stages; without, the objective is a formula.
        failures: What happens at the trial of a number: `nan`, or an error to raise.
    """

    name = "lensing"
    schema = LENSING
    terms = {"image": ("", "Pixels"), "score": ("", "Reconstruction error")}

    def __init__(self, *, fits=True, failures=None):
        self.fits = fits
        self.failures = dict(failures or {})
        self.trials = 0
        self.seen = []
        self.parts = []

    def simulate(self, config, n, *, seed, jobs=1):
        raise NotImplementedError

    def prepare(self, config, parts):
        self.parts.append(parts)
        found = {}
        for part in ("train", "validation"):
            sample = getattr(parts, part).read()
            self.seen.append(sample)
            found[part] = sample.inputs["image"].reshape(len(sample), 4)
        return found

    def stages(self, config, prepared):
        self.trials += 1
        failure = self.failures.get(self.trials)
        if isinstance(failure, Exception):
            raise failure
        if not self.fits:
            return []
        names = ["toy"] + ["physics"] * config.physics.enabled
        return [self._stage(name, config, prepared) for name in names]

    def sketch(self, config):
        return config

    def stage_rows(self, config, train_rows):
        return {"toy": train_rows, "physics": train_rows}

    def _stage(self, name, config, prepared):
        inputs = x = keras.Input((4,))
        for width in (*config.model.hidden, config.model.latent_dim):
            x = keras.layers.Dense(width, "tanh")(x)
        return Stage(
            name=name,
            model=keras.Model(inputs, keras.layers.Dense(4)(x)),
            inputs=prepared["train"],
            targets=prepared["train"],
            validation=(prepared["validation"], prepared["validation"]),
            loss="mse",
            epochs=config.train.epochs,
            batch_size=config.train.batch_size,
            learning_rate=config.train.learning_rate,
        )

    def objective(self, config, prepared, models):
        if self.failures.get(self.trials) == "nan":
            return {"reconstruction": 1.0, "objective": float("nan")}
        if self.fits:
            x = prepared["validation"]
            error = float(np.mean((np.asarray(models["toy"](x)) - x) ** 2))
        else:
            error = abs(np.log10(config.train.learning_rate) + 2.5)
        penalty = 1e-3 * config.model.latent_dim + 1e-4 * sum(config.model.hidden)
        return {
            "reconstruction": error,
            "penalty": penalty,
            "objective": error + penalty,
        }

    def assemble(self, config, prepared, models, parts):
        image = keras.Input((2, 2, 1), name="image")
        flat = keras.layers.Reshape((4,))(image)
        error = keras.layers.Subtract()([models["toy"](flat), flat])
        score = keras.layers.Dot(1, name="score")([error, error])
        return keras.Model({"image": image}, {"score": score})

    def endpoints(self, model):
        return {"score": model}

    def calibration(self, model):
        return {"threshold": 1.0, "rows": 12}
