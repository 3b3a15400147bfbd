"""What an alert model is worth: numbers, verdicts and figures of the alerts report."""

from __future__ import annotations

import numpy as np

from keras_astro.data.alert_schema import CLASSES
from keras_astro.evaluation import figures
from keras_astro.evaluation.adaptation import adaptation_section
from keras_astro.evaluation.alert_rows import AlertRows, classify_rows
from keras_astro.evaluation.report import Headline, Section, Table
from keras_astro.evaluation.subject import Evaluation, Subject
from keras_astro.evaluation.verdicts import Verdict, against_baselines
from keras_astro.metrics import Interval, binomial_interval
from keras_astro.metrics.classification import (
    balanced_accuracy,
    confusion,
    stream_precision,
)
from keras_astro.metrics.reliability import top_label_reliability

TITLE = "Survey alerts: classes and anomalies"
BASELINES = {
    "single_alert": "the newest alert alone",
    "random_encoder": "random frozen encoder",
    "metadata": "metadata alone, gradient boosting",
    "measures": "measures of the stamps alone, forest",
}
# Shares of the classes among alerts of a public night, as far as published classifiers
# tell: asteroids and variable stars dominate, supernovae are a few per cent.
STREAM = {"SN": 0.03, "AGN": 0.10, "VS": 0.45, "asteroid": 0.30, "bogus": 0.12}


def examine(subject: Subject) -> Evaluation:
    """Classifies the rows and measures what the labels allow."""
    rows = classify_rows(subject)
    found = evaluate_alerts(rows)
    found.outputs, found.flags = rows.outputs, rows.flags
    return found


def evaluate_alerts(rows: AlertRows) -> Evaluation:
    """Measures classified rows; what needs labels is left out where there are none."""
    known = rows.labels >= 0
    metrics: dict[str, float | Interval] = {
        "rows": len(rows.labels),
        "flagged_fraction": float(np.mean(rows.outputs["is_anomaly"])),
        "abstained_fraction": float(np.mean(rows.outputs["abstains"])),
    } | _reconstruction_metrics(rows)
    if len(np.unique(rows.labels[known])) < 2:
        note = Verdict("note", "The data has labels of fewer than two classes.")
        return Evaluation(TITLE, metrics, [_embedding_section(rows)], [note])
    metrics |= class_metrics(rows, known)
    names = {
        key: label
        for key, label in BASELINES.items()
        if f"balanced_accuracy_{key}" in metrics
    }
    sections = [
        _classes_section(rows, known),
        _reliability_section(rows, known),
        _embedding_section(rows),
    ]
    if len(rows.shown):
        sections.append(_errors_section(rows))
    if rows.adapted is not None:
        sections.append(adaptation_section(rows.adapted))
    verdicts = (
        against_baselines(
            metrics, "balanced_accuracy", names, label="Balanced accuracy"
        )
        if names
        else []
    )
    if "reconstruction_rmse_mean_image" in metrics:
        verdicts += against_baselines(
            metrics,
            "reconstruction_rmse",
            {"mean_image": "the mean image"},
            label="Reconstruction RMSE",
            higher_is_better=False,
        )
    headlines = [Headline("balanced_accuracy", "Balanced accuracy", names)]
    headlines += [
        Headline(f"recall_{name}", f"Recall of {name}", {})
        for name in CLASSES
        if f"recall_{name}" in metrics
    ]
    headlines.append(
        Headline("calibration_error", "Calibration error", {}, higher_is_better=False)
    )
    return Evaluation(TITLE, metrics, sections, verdicts, headlines)


def class_metrics(rows: AlertRows, known) -> dict[str, float | Interval]:
    """Balanced accuracy, recalls, precisions and calibration of the labelled rows."""
    truth, predicted = rows.labels[known], rows.predicted[known]
    resampled = {"groups": rows.groups[known], "resamples": rows.resamples}
    found: dict[str, float | Interval] = {
        "balanced_accuracy": grouped_interval(truth, predicted, **resampled),
        "calibration_error": top_label_reliability(
            truth, rows.probabilities[known], bins=10, equal_rows=True
        ).calibration_error,
    }
    for name, numbers in rows.baselines.items():
        found[f"balanced_accuracy_{name}"] = grouped_interval(
            truth, numbers[known], **resampled
        )
    for number, name in enumerate(CLASSES):
        mine = truth == number
        if mine.any():
            hits = int(np.sum(predicted[mine] == number))
            found[f"recall_{name}"] = binomial_interval(hits, int(mine.sum()))
    found |= _several_alerts(rows, known)
    table = confusion(truth, predicted, len(CLASSES))
    if (table.sum(axis=1) > 0).all():
        precisions = stream_precision(table, [STREAM[name] for name in CLASSES])
        for name, value in zip(CLASSES, precisions, strict=True):
            if np.isfinite(value):
                found[f"stream_precision_{name}"] = float(value)
    sure = known & (rows.outputs["abstains"] < 0.5)
    if sure.any():
        found["balanced_accuracy_not_abstained"] = balanced_accuracy(
            rows.labels[sure], rows.predicted[sure]
        )
    return found


def _several_alerts(rows: AlertRows, known) -> dict[str, float]:
    """Accuracy on rows that see more than one alert, with all and with the newest."""
    if rows.alerts is None:
        return {}
    chosen = known & (rows.alerts > 1)
    if len(np.unique(rows.labels[chosen])) < 2:
        return {}
    truth = rows.labels[chosen]
    return {
        "rows_with_several_alerts": int(chosen.sum()),
        "balanced_accuracy_several": balanced_accuracy(truth, rows.predicted[chosen]),
        "balanced_accuracy_several_single_alert": balanced_accuracy(
            truth, rows.baselines["single_alert"][chosen]
        ),
    }


def grouped_interval(truth, predicted, *, groups, resamples: int) -> Interval:
    """Balanced accuracy with an interval over resampled objects, not rows."""
    names, members = np.unique(groups, return_inverse=True)
    order = np.argsort(members, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(members))[:-1])
    rng = np.random.default_rng(0)
    values = []
    for _ in range(resamples):
        chosen = rng.integers(len(names), size=len(names))
        index = np.concatenate([parts[c] for c in chosen])
        values.append(balanced_accuracy(truth[index], predicted[index]))
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(balanced_accuracy(truth, predicted), float(low), float(high))


def _reconstruction_metrics(rows: AlertRows) -> dict[str, float]:
    found = {
        "reconstruction_rmse": float(np.sqrt(rows.outputs["reconstruction_mse"].mean()))
    }
    if rows.frame_variance is not None:
        mean_image = float(np.sqrt(rows.frame_variance[:, 0].mean()))
        found["reconstruction_rmse_mean_image"] = mean_image
    return found


def _classes_section(rows: AlertRows, known) -> Section:
    table = confusion(rows.labels[known], rows.predicted[known], len(CLASSES))
    others = np.unique(rows.names[~known & (rows.names != "")])
    notes = []
    if len(others):
        notes.append(
            f"Rows of other classes ({', '.join(others)}) are not counted here."
        )
    return Section(
        "Classes",
        "Each row of the matrix is one true class. Precision in a stream depends on "
        "how frequent the classes are there; the shares assumed are "
        + ", ".join(f"{name} {share:.0%}" for name, share in STREAM.items())
        + ".",
        figures=[("confusion_matrix", figures.confusion_matrix(table, CLASSES))],
        notes=notes,
    )


def _reliability_section(rows: AlertRows, known) -> Section:
    figure = figures.class_reliability(
        rows.probabilities[known], rows.labels[known], CLASSES
    )
    return Section(
        "Probabilities",
        "One temperature, set on rows held back from every fit, scales the logits. It "
        "makes probabilities honest on data like the training data, and no further.",
        figures=[("class_reliability", figure)],
    )


def _embedding_section(rows: AlertRows) -> Section:
    scores = rows.outputs["score"]
    known = rows.labels >= 0
    if not known.any():
        figure = figures.latent_map(rows.outputs["z"], values=scores)
        return Section("Embedding", "", figures=[("latent_map", figure)])
    maps = [
        (
            "latent_map",
            figures.latent_map(
                rows.outputs["z"][known],
                rows.labels[known],
                scores[known],
                classes=CLASSES,
            ),
        )
    ]
    notes = []
    try:
        mapped = figures.neighbour_map(
            rows.outputs["z"][known], rows.labels[known], classes=CLASSES
        )
        maps.append(("neighbour_map", mapped))
    except ModuleNotFoundError as error:
        if error.name != "umap":
            raise
        notes.append(
            "A map of neighbours (UMAP) is drawn where umap-learn is installed: "
            'pip install "keras-astro[umap]"'
        )
    return Section(
        "Embedding",
        "Two principal components of the whole embedding, and what lies close to what "
        "in all of its dimensions. The class head reads the coordinates of the "
        "convolutions alone, not the frame's components that stand behind them in a "
        "joint model.",
        figures=maps,
        notes=notes,
    )


def _errors_section(rows: AlertRows) -> Section:
    titles, table = [], []
    for row in rows.shown:
        true, said = CLASSES[rows.labels[row]], CLASSES[rows.predicted[row]]
        titles.append(f"{true}\nsaid {said}\n{rows.outputs['confidence'][row]:.2f}")
        table.append((true, said, float(rows.outputs["confidence"][row])))
    figure = figures.stamp_gallery(rows.stamps, titles)
    return Section(
        "Worst errors",
        "The most confident wrong answers: true class, what was said, probability.",
        figures=[("worst_errors", figure)],
        tables=[Table(("true class", "said", "probability"), table)],
    )
