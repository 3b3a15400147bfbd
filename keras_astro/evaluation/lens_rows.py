"""Scored test rows of a lens model, and the baselines' scores of the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_astro.data.sample import Source
from keras_astro.evaluation.baselines import PcaResidual, TangentResidual
from keras_astro.evaluation.figures import choose_examples
from keras_astro.evaluation.subject import Subject
from keras_astro.inference.batch import predict_source
from keras_astro.inference.loaded import Predictor
from keras_astro.training.run import Run

BASELINE_ROWS = 3000

# Score of the table: name in metrics.json.
SCORES = {
    "reconstruction_mse": "auc_reconstruction",
    "residual_max": "auc_residual_max",
    "tangent_residual": "auc_tangent",
    "einstein_radius_pull": "auc_einstein_radius_pull",
    "score": "auc_combined",
}


@dataclass
class LensRows:
    """Scored test rows of a lens model.

    Args:
        outputs: The model's table outputs by name, `(row,)` or `(row, latent)`.
        labels: 1 with substructure, 0 without; None where the data has no labels.
        images: Raw images, `(row, y, x, band)`.
        targets: Known truth by name, where the data has it.
        frames: Frames, reconstructions, anomaly maps and truth maps of the rows in
            `shown`, for the gallery; None where the model does not give them.
        shown: Row numbers of the gallery.
        baselines: Scores of the baselines by name.
        rate: The false positive rate that the threshold was set for.
        calibration_rows: Rows behind the p-values.
        flags: Quality flags of the rows.
        resamples: Bootstrap resamples.
    """

    outputs: dict[str, np.ndarray]
    labels: np.ndarray | None
    images: np.ndarray
    targets: dict[str, np.ndarray]
    frames: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None] | None
    shown: np.ndarray
    baselines: dict[str, np.ndarray]
    rate: float
    calibration_rows: int
    flags: np.ndarray
    resamples: int = 1000

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """The scores that this model has, by name."""
        return {name: self.outputs[name] for name in SCORES if name in self.outputs}


def score_rows(subject: Subject) -> LensRows:
    """Scores all rows; maps are only made for the rows of the gallery."""
    predictor, source = subject.predictor, subject.test
    outputs, flags = predict_source(predictor, source)
    sample = source.read()
    labels = sample.targets.get("is_anomaly")
    shown = np.concatenate(list(choose_examples(outputs["score"]).values()))
    images = sample.inputs["image"]
    truth = sample.targets.get("substructure_map")
    calibration = predictor.manifest["calibration"]
    scored = LensRows(
        outputs=outputs,
        labels=None if labels is None else labels.astype(int),
        images=images,
        targets={k: v for k, v in sample.targets.items() if v.ndim == 1},
        frames=gallery_frames(predictor, images[shown], truth, shown),
        shown=shown,
        baselines={},
        rate=calibration["false_positive_rate"],
        calibration_rows=calibration["n"],
        flags=flags,
    )
    if subject.run is not None:
        scored.resamples = subject.run.config.scores.bootstrap
        scored.baselines = baseline_scores(subject.run, subject.train, scored)
    return scored


def gallery_frames(predictor: Predictor, images, truth, shown):
    """See `LensRows.frames`; None from an artefact without these signatures."""
    if not {"score", "reconstruct"} <= set(predictor.signatures):
        return None
    maps = predictor.run("score", {"image": images})["anomaly_map"]
    drawn = predictor.run("reconstruct", {"image": images})
    return drawn["frame"], drawn["reconstruction"], maps, _truth(truth, shown, maps)


def _truth(truth, shown, maps):
    """Truth maps cropped and binned to the frame of the anomaly maps."""
    if truth is None:
        return None
    chosen = truth[shown]
    step = max(1, chosen.shape[1] // maps.shape[1])
    side = maps.shape[1] * step
    top = (chosen.shape[1] - side) // 2
    cut = chosen[:, top : top + side, top : top + side]
    return cut.reshape(len(cut), maps.shape[1], step, maps.shape[2], step).mean((2, 4))


def baseline_scores(run: Run, train: Source, scored: LensRows) -> dict[str, np.ndarray]:
    """PCA residual and local tangent space, fitted on the run's training rows."""
    stem = run.load_model().get_layer("stem")
    count = min(len(train), BASELINE_ROWS)
    fitted_on = stem.predict(train.read(0, count).inputs["image"], verbose=0)
    frames = stem.predict(scored.images, verbose=0)
    flips = ("x", "y") if run.config.preprocessing.flips else ()
    models = {
        "pca_residual": PcaResidual(),
        "tangent_space": TangentResidual(flips=flips),
    }
    return {name: model.fit(fitted_on).score(frames) for name, model in models.items()}
