"""What a stellar model is worth: numbers, verdicts and figures of its report."""

from __future__ import annotations

import numpy as np

from keras_astro.evaluation import figures
from keras_astro.evaluation.adaptation import adaptation_section
from keras_astro.evaluation.line_names import lines_in
from keras_astro.evaluation.report import Headline, Section, Table
from keras_astro.evaluation.star_rows import StarRows, star_rows
from keras_astro.evaluation.subject import Evaluation, Subject
from keras_astro.evaluation.verdicts import Verdict, against_baselines
from keras_astro.layers.ensemble import LEVELS, fewest_groups
from keras_astro.metrics import Interval, bootstrap_interval
from keras_astro.metrics.domains import domain_auc
from keras_astro.models.stellar import end_name, error_name

TITLE = "Stars: parameters from spectra"
NAMES = {
    "teff_kelvin": ("Teff", "K"),
    "logg_dex": ("log g", "dex"),
    "metallicity_dex": ("[M/H]", "dex"),
    "vsini_kms": ("v sin i", "km/s"),
}
PRETTY = {
    "pca_ridge": "PCA-32 + ridge",
    "direct_mlp": "direct MLP",
    "carmenes_2024": "published recipe",
}
MEDIA = ("air", "vacuum")
# Fewer rows than this cannot be told from training rows, nor the contrary be shown.
COMPARABLE = 10
# Coverage may miss its nominal value by as much.
TOLERANCE = 0.03


def examine(subject: Subject) -> Evaluation:
    """Estimates labels of the test rows and measures the estimates."""
    rows = star_rows(subject)
    metrics: dict[str, float | Interval] = {
        "rows": len(rows.flags),
        "flagged_fraction": float(np.mean(rows.outputs["is_anomaly"] > 0.5)),
    }
    sections, verdicts, headlines = [], [], []
    if rows.truth:
        metrics |= error_metrics(rows) | coverage_metrics(rows)
        sections += [*_parity_sections(rows), _coverage_section(rows, metrics)]
        verdicts += _error_verdicts(rows, metrics) + _coverage_verdicts(metrics)
        headlines = _headlines(rows)
    else:
        verdicts.append(Verdict("note", "The data has no labels: no errors."))
    sections += _domain_sections(rows, metrics)
    if rows.adapted is not None:
        sections.append(adaptation_section(rows.adapted))
    if rows.caveat:
        verdicts.append(Verdict("note", f"Intervals of this run: {rows.caveat}."))
    facts: dict[str, object] = {"labels": ", ".join(rows.truth) or "none"}
    if rows.calibration_groups is not None:
        facts["intervals calibrated on"] = f"{rows.calibration_groups} atmospheres"
        verdicts += _calibration_verdicts(rows.calibration_groups)
    if rows.origin:
        facts["spectra"] = rows.origin
        verdicts.append(Verdict("note", f"Tested on: {rows.origin}."))
    return Evaluation(
        TITLE,
        metrics,
        sections,
        verdicts,
        headlines,
        facts,
        rows.outputs,
        rows.flags,
    )


def error_metrics(rows: StarRows) -> dict[str, float | Interval]:
    """RMSE and bias of every known label, ours and the baselines'.

    Intervals are bootstraps over atmospheres: spectra of one share their errors.
    """
    found: dict[str, float | Interval] = {}
    for name, truth in rows.truth.items():
        ours = rows.outputs[name] - truth
        found[f"rmse_{name}"] = grouped_rms(ours, rows.groups, rows.resamples)
        found[f"bias_{name}"] = float(np.mean(ours))
        for baseline, predicted in rows.baselines.items():
            found[f"rmse_{name}_{baseline}"] = grouped_rms(
                predicted[name] - truth, rows.groups, rows.resamples
            )
    if "rmse_teff_kelvin_pca_ridge" in found:
        found["rmse_teff_over_pca_ridge"] = (
            found["rmse_teff_kelvin"].value / found["rmse_teff_kelvin_pca_ridge"].value
        )
    return found


def grouped_rms(errors: np.ndarray, groups: np.ndarray, resamples: int) -> Interval:
    """Root mean square with a bootstrap interval over groups of rows.

    Example:
        >>> grouped_rms(np.array([3.0, -3.0]), np.array(["a", "b"]), 50).value
        3.0
    """
    _, index = np.unique(groups, return_inverse=True)
    squares = np.bincount(index, np.asarray(errors, float) ** 2)
    return bootstrap_interval(
        lambda s, n: float(np.sqrt(s.sum() / n.sum())),
        squares,
        np.bincount(index).astype(float),
        resamples=resamples,
    )


def coverage_metrics(rows: StarRows) -> dict[str, float | Interval]:
    """How often the 68 and 95 % intervals hold the truth, over all labels and each."""
    found: dict[str, float | Interval] = {}
    _, index = np.unique(rows.groups, return_inverse=True)
    for level in (68, 95):
        inside = {
            name: (rows.outputs[end_name(name, f"low_{level}")] <= truth)
            & (truth <= rows.outputs[end_name(name, f"high_{level}")])
            for name, truth in rows.truth.items()
        }
        share = np.mean(list(inside.values()), axis=0)
        found[f"coverage_{level}"] = bootstrap_interval(
            lambda s, n: float(s.sum() / n.sum()),
            np.bincount(index, share),
            np.bincount(index).astype(float),
            resamples=rows.resamples,
        )
        for name, hits in inside.items():
            found[f"coverage_{level}_{name}"] = float(np.mean(hits))
    return found


def _error_verdicts(rows: StarRows, metrics) -> list[Verdict]:
    rivals = {k: v for k, v in PRETTY.items() if k in rows.baselines}
    found = []
    for name in rows.truth:
        found += against_baselines(
            metrics,
            f"rmse_{name}",
            rivals,
            label=f"RMSE of {NAMES[name][0]}",
            higher_is_better=False,
        )
    return found


def _coverage_verdicts(metrics) -> list[Verdict]:
    found = []
    for level in (68, 95):
        value = metrics[f"coverage_{level}"]
        kind = "pass" if abs(value.value - level / 100) <= TOLERANCE else "fail"
        text = f"Intervals of {level} % hold the truth in {value.value:.1%} of cases."
        found.append(Verdict(kind, text))
    return found


def _calibration_verdicts(groups: int) -> list[Verdict]:
    """Where there were too few atmospheres for intervals to hold what they say."""
    return [
        Verdict(
            "note",
            f"Intervals of {level:.0%} need {fewest_groups(level)} atmospheres to "
            f"calibrate with and had {groups}: of new ones they may hold only "
            f"{(groups - 1) / (groups + 1):.0%}.",
        )
        for level in LEVELS
        if groups < fewest_groups(level)
    ]


def _headlines(rows: StarRows) -> list[Headline]:
    rivals = {k: v for k, v in PRETTY.items() if k in rows.baselines}
    found = [
        Headline(
            f"rmse_{name}",
            f"RMSE of {NAMES[name][0]}",
            rivals,
            higher_is_better=False,
            unit=NAMES[name][1],
        )
        for name in rows.truth
    ]
    return [
        *found,
        Headline("coverage_68", "Coverage of 68 % intervals", {}, nominal=0.68),
        Headline("coverage_95", "Coverage of 95 % intervals", {}, nominal=0.95),
    ]


def _parity_sections(rows: StarRows) -> list[Section]:
    drawn = []
    for name, truth in rows.truth.items():
        pretty, unit = NAMES[name]
        colour = {} if rows.snr is None else {"values": rows.snr, "value_name": "S/N"}
        figure = figures.parity(
            truth, rows.outputs[name], name=pretty, unit=unit, **colour
        )
        drawn.append((f"parity__{name}", figure))
    text = (
        "Estimates of test stars; the leaked fraction above says whether any trained."
    )
    sections = [Section("Labels", text, figures=drawn)]
    if rows.snr is not None and np.ptp(rows.snr) > 0:
        errors = {
            f"{NAMES[name][0]} [{NAMES[name][1]}]": rows.outputs[name] - truth
            for name, truth in rows.truth.items()
        }
        figure = figures.error_against(rows.snr, errors)
        sections.append(
            Section("Errors and light", "", figures=[("error_against", figure)])
        )
    return sections


def _coverage_section(rows: StarRows, metrics) -> Section:
    pulls = {
        NAMES[name][0]: (rows.outputs[name] - truth) / rows.outputs[error_name(name)]
        for name, truth in rows.truth.items()
    }
    table = Table(
        ("label", "68 % interval holds", "95 % interval holds"),
        [
            (
                NAMES[name][0],
                f"{metrics[f'coverage_68_{name}']:.1%}",
                f"{metrics[f'coverage_95_{name}']:.1%}",
            )
            for name in rows.truth
        ],
        "The table's intervals, after conformal calibration on rows held back.",
    )
    return Section(
        "Honest errors",
        "The curve shows the ensemble's own Gaussian errors, before calibration.",
        figures=[("coverage_curve", figures.coverage_curve(pulls))],
        tables=[table],
    )


def _domain_sections(rows: StarRows, metrics) -> list[Section]:
    found = []
    if rows.normalised is not None and rows.wavelength is not None:
        figure = figures.residual_spectrum(
            rows.wavelength,
            rows.normalised,
            rows.reconstruction,
            # Without the medium a name could stand 2 angstrom off its line.
            lines=lines_in(rows.medium) if rows.medium in MEDIA else None,
            medium=rows.medium,
        )
        found.append(Section("Spectra", "", figures=[("residual_spectrum", figure)]))
    truth = None
    if {"teff_kelvin", "logg_dex"} <= set(rows.truth):
        truth = (rows.truth["teff_kelvin"], rows.truth["logg_dex"])
    kiel = figures.kiel_diagram(
        rows.outputs["teff_kelvin"],
        rows.outputs["logg_dex"],
        values=rows.outputs["metallicity_dex"],
        truth=truth,
    )
    found.append(Section("Stars", "", figures=[("kiel_diagram", kiel)]))
    found.append(_latent_section(rows, metrics))
    return found


def _latent_section(rows: StarRows, metrics) -> Section:
    z, teff = rows.outputs["z"], rows.outputs["teff_kelvin"]
    colour = {"value_name": "Teff [K]"}
    if rows.train_latents is None or len(z) < COMPARABLE:
        figure = figures.latent_map(z, values=teff, **colour)
        return Section("Latents", "", figures=[("latent_map", figure)])
    separable = domain_auc(rows.train_latents, z)
    metrics["domain_auc"] = separable
    both = np.concatenate([rows.train_latents, z])
    labels = np.repeat([0, 1], [len(rows.train_latents), len(z)])
    figure = figures.latent_map(both, labels, classes=("training", "test"))
    text = (
        f"A linear classifier tells test rows from training rows with an AUC of "
        f"{separable:.3f}, cross-validated; 0.5 means that it cannot."
    )
    return Section("Latents", text, figures=[("latent_map", figure)])
