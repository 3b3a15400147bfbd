"""What a lens model is worth: numbers, verdicts and figures of the lensing report."""

from __future__ import annotations

import numpy as np

from keras_astro.evaluation import figures
from keras_astro.evaluation.lens_rows import SCORES, LensRows, score_rows
from keras_astro.evaluation.report import Headline, Section
from keras_astro.evaluation.shortcuts import shortcut_audit
from keras_astro.evaluation.subject import Evaluation, Subject
from keras_astro.evaluation.variational import latent_use
from keras_astro.evaluation.verdicts import Verdict, against_baselines
from keras_astro.metrics import (
    Interval,
    auc_interval,
    detection_curve,
    matched_auc,
    realised_fpr,
    tpr_at_fpr_interval,
)

TITLE = "Strong lenses: substructure"
LABELS = {
    "reconstruction_mse": "reconstruction loss",
    "residual_max": "maximum of the residual map",
    "tangent_residual": "tangent residual",
    "einstein_radius_pull": "Einstein-radius pull",
    "score": "combined score",
}
# Where fewer anomalies than this have a normal lens of their ring radius, an AUC of
# those few would say nothing of the data.
COMPARED = 0.1
CLASSES = ("no substructure", "substructure")


def examine(subject: Subject) -> Evaluation:
    """Scores the rows and measures the scores; labels are used here alone."""
    rows = score_rows(subject)
    found = evaluate_lenses(rows)
    found.outputs, found.flags = rows.outputs, rows.flags
    if subject.run is not None and subject.run.config.model.variational:
        used, verdict = latent_use(rows.outputs["z"])
        found.metrics |= used
        found.verdicts.append(verdict)
    found.facts["labels"] = "not used in training, tuning or thresholds"
    return found


def evaluate_lenses(rows: LensRows) -> Evaluation:
    """Measures scored rows; what needs both classes is left out where one is absent."""
    labels = rows.labels
    normal = np.ones(len(rows.images), bool) if labels is None else labels == 0
    both = labels is not None and 0 < labels.sum() < len(labels)
    metrics: dict[str, float | Interval] = {
        "rows": len(rows.images),
        "flagged_fraction": float(np.mean(rows.outputs["is_anomaly"])),
    }
    if labels is not None and normal.any():
        metrics["realised_fpr"] = realised_fpr(labels, rows.outputs["is_anomaly"] > 0.5)
    if not both:
        reason = "no labels" if labels is None else "one class only"
        note = Verdict("note", f"The data has {reason}: no ROC, no AUC.")
        return Evaluation(TITLE, metrics, [_scores_section(rows, None)], [note])
    metrics |= _detection_metrics(rows)
    metrics |= _baseline_metrics(rows)
    sections = [
        _roc_section(rows),
        _scores_section(rows, labels),
        _calibration_section(rows, normal),
        *_substructure_sections(rows),
        *_gallery_sections(rows),
        _audit_section(rows, metrics),
    ]
    names = {name: name.replace("_", " ") for name in rows.baselines}
    verdicts = [_rate_verdict(metrics["realised_fpr"], rows.rate)]
    if (rows.calibration_rows + 1) * rows.rate < 1:
        verdicts.append(_resolution_verdict(rows))
    if names:
        verdicts += against_baselines(
            metrics, "auc_combined", names, label="AUC of the combined score"
        )
    verdicts.append(_mass_verdict(metrics))
    headlines = [
        Headline("auc_combined", "AUC, combined score", names),
        Headline("auc_reconstruction", "AUC, reconstruction loss", names),
        Headline("tpr_at_1pct_fpr", "TPR at 1 % FPR", {}),
        Headline("realised_fpr", "False positive rate", {}, nominal=rows.rate),
    ]
    if "auc_mass_matched" in metrics:
        headlines.append(Headline("auc_mass_matched", "AUC at equal ring radius", {}))
    return Evaluation(TITLE, metrics, sections, verdicts, headlines)


def _detection_metrics(rows: LensRows) -> dict[str, float | Interval]:
    options = {"resamples": rows.resamples}
    found: dict[str, float | Interval] = {
        SCORES[name]: auc_interval(rows.labels, values, **options)
        for name, values in rows.scores.items()
    }
    score = rows.outputs["score"]
    found["tpr_at_1pct_fpr"] = tpr_at_fpr_interval(rows.labels, score, **options)
    radius = rows.targets.get("theta_E_arcsec", rows.outputs.get("theta_E_arcsec"))
    if radius is not None:
        matched = matched_auc(rows.labels, score, radius)
        found["mass_matched_fraction"] = matched.compared_fraction
        if matched.auc is not None and matched.compared_fraction >= COMPARED:
            found["auc_mass_matched"] = matched.auc
    return found


def _baseline_metrics(rows: LensRows) -> dict[str, float | Interval]:
    found = {}
    for name, values in rows.baselines.items():
        interval = auc_interval(rows.labels, values, resamples=rows.resamples)
        found[f"auc_combined_{name}"] = interval
        found[f"auc_reconstruction_{name}"] = interval
    return found


def _rate_verdict(realised: Interval, rate: float) -> Verdict:
    inside = realised.low <= rate <= realised.high
    text = (
        f"False positive rate: {rate:.1%} was asked for, {realised.value:.1%} realised "
        f"[{realised.low:.1%}, {realised.high:.1%}]."
    )
    return Verdict("pass" if inside else "fail", text)


def _resolution_verdict(rows: LensRows) -> Verdict:
    return Verdict(
        "fail",
        f"{rows.calibration_rows} calibration rows cannot resolve a false positive "
        f"rate of {rows.rate:.1%}: nothing can be flagged. Train on more lenses, or "
        f"ask for {1 / (rows.calibration_rows + 1):.1%} or more.",
    )


def _mass_verdict(metrics) -> Verdict:
    found = metrics.get("auc_mass_matched")
    if found is None:
        return Verdict(
            "note",
            "The classes hardly overlap in Einstein radius: this data cannot tell "
            "substructure from extra mass inside the ring.",
        )
    text = f"AUC among lenses of equal Einstein radius: {found}."
    return Verdict("pass" if found.low > 0.5 else "fail", text)


def _roc_section(rows: LensRows) -> Section:
    named = {LABELS[name]: values for name, values in rows.scores.items()}
    shown = {k.replace("_", " "): v for k, v in rows.baselines.items()}
    losses = rows.outputs["reconstruction_mse"]
    # In integers the smallest losses are zero, which a logarithmic axis cannot show.
    losses = np.maximum(losses, losses[losses > 0].min())
    loss = figures.loss_distribution(losses, rows.labels, classes=CLASSES)
    return Section(
        "Detection",
        "The model was trained on lenses without substructure; labels are used here "
        "for the first time.",
        figures=[
            ("loss_distribution", loss),
            ("roc", figures.roc(rows.labels, named, baselines=shown)),
        ],
    )


def _scores_section(rows: LensRows, labels) -> Section:
    if labels is None:
        latent = figures.latent_map(rows.outputs["z"], values=rows.outputs["score"])
        return Section("Latents", "", figures=[("latent_map", latent)])
    named = {LABELS[name]: values for name, values in rows.scores.items()}
    latent = figures.latent_map(
        rows.outputs["z"], labels, rows.outputs["score"], classes=CLASSES
    )
    return Section(
        "Scores and latents",
        "Each score sees another side of a lens: what the autoencoder cannot redraw, "
        "where it fails worst, how far the lens is from its neighbours, and how much "
        "mass its ring needs.",
        figures=[
            (
                "score_distributions",
                figures.score_distributions(labels, named, classes=CLASSES),
            ),
            ("latent_map", latent),
        ],
    )


def _calibration_section(rows: LensRows, normal: np.ndarray) -> Section:
    figure = figures.p_value_calibration(
        rows.outputs["p_value"][normal], calibration_size=rows.calibration_rows
    )
    return Section(
        "Calibration",
        "P-values come from rows held back from every fit. On lenses without "
        "substructure they should be uniform.",
        figures=[("p_value_calibration", figure)],
    )


def _substructure_sections(rows: LensRows) -> list[Section]:
    mass = rows.targets.get("subhalo_mass_fraction")
    anomalous = rows.labels == 1
    if mass is None or np.ptp(mass[anomalous]) == 0:
        return []
    normal = rows.labels == 0
    curves = {}
    for name in ("score", "reconstruction_mse"):
        values = rows.outputs[name]
        threshold = float(np.quantile(values[normal], 1 - rows.rate))
        curves[LABELS[name]] = detection_curve(
            values[anomalous], mass[anomalous], threshold=threshold
        )
    figure = figures.detection_against(curves, rate=rows.rate)
    return [
        Section(
            "Which subhalos are found",
            "Detected fraction against the mass in subhalos.",
            figures=[("detection_curve", figure)],
        )
    ]


def _gallery_sections(rows: LensRows) -> list[Section]:
    if rows.frames is None:
        return []
    frames, reconstructions, maps, truth = rows.frames
    labels = rows.labels[rows.shown] if rows.labels is not None else None
    figure = figures.anomaly_gallery(
        frames,
        reconstructions,
        maps,
        rows.outputs["score"][rows.shown],
        labels=labels,
        truth=truth,
        classes=CLASSES,
    )
    return [Section("Anomaly maps", "", figures=[("anomaly_gallery", figure)])]


def _audit_section(rows: LensRows, metrics) -> Section:
    audit = shortcut_audit(
        rows.images, rows.labels, ring_radius=rows.outputs.get("theta_E_arcsec")
    )
    for name, interval in audit.items():
        metrics[f"auc_shortcut_{name.replace(' ', '_').replace('-', '_')}"] = interval
    model = {"combined score": metrics["auc_combined"]}
    return Section(
        "Shortcut audit",
        "What simple properties of an image reach without any network.",
        figures=[("shortcut_audit", figures.shortcut_bars(audit, model=model))],
    )
