"""What a galaxy model is worth: numbers, verdicts and figures of its report."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from keras_astro.evaluation import figures
from keras_astro.evaluation.galaxy_rows import GalaxyRows, limits, measure_rows
from keras_astro.evaluation.report import Headline, Section, Table
from keras_astro.evaluation.subject import Evaluation, Subject
from keras_astro.evaluation.verdicts import Verdict
from keras_astro.metrics import (
    Interval,
    bias,
    bootstrap_interval,
    interval_coverage,
    rmse,
    rmse_interval,
)
from keras_astro.metrics.shear import shear_bias
from keras_astro.simulate.galaxy_config import PARAMETERS
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

TITLE = "Galaxies: flux, shape and size"
LABELS = {
    "flux": ("flux", "electron"),
    "sersic_n": ("Sérsic index", ""),
    "half_light_radius_arcsec": ("half-light radius", "arcsec"),
    "g1": ("g1", ""),
    "g2": ("g2", ""),
}
EDGES = (10.0, 20.0, 40.0, 60.0, 80.0, 100.0)
BASELINE = "maximum_likelihood"
# Fewer galaxies in a group say nothing of a percentage.
LEAST = 20
SHOWN = 5
# Where 68 % and 95 % are asked for, this much less or more is still honest.
TOLERANCE = 0.02


def examine(subject: Subject) -> Evaluation:
    """Predicts the rows and measures the estimates against their truth."""
    rows = measure_rows(subject)
    found = evaluate_galaxies(rows)
    found.outputs, found.flags = rows.outputs, rows.flags
    return found


def evaluate_galaxies(rows: GalaxyRows) -> Evaluation:
    """Measures estimated rows; without truth, only their residuals."""
    metrics: dict[str, float | Interval] = {
        "rows": len(rows.images),
        "chi2_per_pixel": float(np.mean(rows.chi2)),
        "flagged_fraction": float(np.mean(rows.flags != "")),
    }
    if rows.truth is None:
        note = Verdict("note", "The data has no truth: only residuals are measured.")
        return Evaluation(TITLE, metrics, [_residual_section(rows)], [note])
    metrics |= error_metrics(rows) | honesty_metrics(rows) | fit_metrics(rows)
    sections = [
        _parity_section(rows),
        _noise_section(rows),
        *_calibration_sections(rows),
        _residual_section(rows),
    ]
    # Fits take few of the rows: the verdicts compare them row by row instead.
    headlines = [
        Headline(f"rmse_{name}", f"RMSE, {label}", {}, higher_is_better=False)
        for name, (label, _) in LABELS.items()
    ]
    headlines += [
        Headline("coverage_68", "Truths in 68 % intervals", {}, nominal=0.68),
        Headline("coverage_95", "Truths in 95 % intervals", {}, nominal=0.95),
    ]
    verdicts = [*_coverage_verdicts(metrics), *_fit_verdicts(rows)]
    return Evaluation(TITLE, metrics, sections, verdicts, headlines)


def error_metrics(rows: GalaxyRows) -> dict[str, float | Interval]:
    """RMSE, MAE, R^2 and bias of each parameter, and shear biases."""
    found: dict[str, float | Interval] = {}
    for i, name in enumerate(PARAMETERS):
        truth, mean = rows.truth[:, i], rows.mean[:, i]
        error = mean - truth
        found |= {
            f"rmse_{name}": rmse_interval(truth, mean, resamples=rows.resamples),
            f"mae_{name}": float(np.mean(np.abs(error))),
            f"r2_{name}": float(1 - np.mean(error**2) / np.var(truth)),
            f"bias_{name}": bias(truth, mean),
        }
        bound = rows.bound[:, i, i]
        found[f"rmse_{name}_over_cramer_rao"] = float(
            np.sqrt(np.mean(error**2) / np.mean(bound))
        )
    for component in ("g1", "g2"):
        i = PARAMETERS.index(component)
        m, c = shear_bias(rows.truth[:, i], rows.mean[:, i])
        found |= {f"shear_m_{component}": m, f"shear_c_{component}": c}
    return found


def honesty_metrics(rows: GalaxyRows) -> dict[str, float | Interval]:
    """Coverage of the intervals, and scores of whole posteriors."""
    found: dict[str, float | Interval] = {}
    inside = {68: [], 95: []}
    for i, name in enumerate(PARAMETERS):
        quantiles = rows.outputs[f"{name}_quantiles"]
        for percent, (low, high) in {68: (1, 3), 95: (0, 4)}.items():
            ends = quantiles[:, low], quantiles[:, high]
            truth = rows.truth[:, i]
            found[f"coverage_{percent}_{name}"] = interval_coverage(truth, *ends)
            inside[percent].append((ends[0] <= truth) & (truth <= ends[1]))
    for percent, hits in inside.items():
        # Parameters of one galaxy are not independent: galaxies are drawn again.
        found[f"coverage_{percent}"] = bootstrap_interval(
            np.mean, np.mean(hits, axis=0), resamples=rows.resamples
        )
    if rows.posterior is not None:
        found["log_score"] = bootstrap_interval(
            np.mean, rows.posterior.log_density(rows.truth), resamples=rows.resamples
        )
        crps = rows.posterior.crps(rows.truth).mean(axis=0)
        found |= {f"crps_{n}": float(v) for n, v in zip(PARAMETERS, crps, strict=True)}
    return found


def fit_metrics(rows: GalaxyRows) -> dict[str, float | Interval]:
    """Errors of maximum-likelihood fits, on the rows that were fitted."""
    if rows.fits is None:
        return {}
    count = len(rows.fits.parameters)
    found: dict[str, float | Interval] = {
        f"chi2_per_pixel_{BASELINE}": float(np.mean(rows.fits.chi2)),
        "fitted_rows": count,
    }
    for i, name in enumerate(PARAMETERS):
        truth = rows.truth[:count, i]
        found[f"rmse_{name}_{BASELINE}"] = rmse_interval(
            truth, rows.fits.parameters[:, i], resamples=rows.resamples
        )
        found[f"rmse_{name}_fitted_rows"] = rmse(truth, rows.mean[:count, i])
    return found


def coverage_by_snr(rows: GalaxyRows, *, groups: int = 3) -> Table:
    """Coverage of each parameter in equal groups of rising signal to noise."""
    edges = np.quantile(rows.snr, np.linspace(0, 1, groups + 1))
    which = np.clip(np.searchsorted(edges, rows.snr, side="right") - 1, 0, groups - 1)
    lines = []
    for group in range(groups):
        chosen = which == group
        cells = []
        for i, name in enumerate(PARAMETERS):
            truth = rows.truth[chosen, i]
            q = rows.outputs[f"{name}_quantiles"][chosen]
            for low, high in ((1, 3), (0, 4)):
                hit = np.mean((q[:, low] <= truth) & (truth <= q[:, high]))
                cells.append(f"{hit:.3f}")
        span = f"{edges[group]:.0f} to {edges[group + 1]:.0f}"
        lines.append([span, int(chosen.sum()), *cells])
    heads = [f"{label} {p} %" for label, _ in LABELS.values() for p in (68, 95)]
    return Table(
        ["S/N", "rows", *heads], lines, "Truths inside the intervals, by S/N tercile."
    )


def _parity_section(rows: GalaxyRows) -> Section:
    shown = {name: (*words, 1.0) for name, words in LABELS.items()}
    # Six digits at each tick would run into each other.
    shown["flux"] = ("flux", "10⁵ electron", 1e5)
    drawn = [
        (
            f"parity_{name}",
            figures.parity(
                rows.truth[:, i] / scale,
                rows.mean[:, i] / scale,
                name=label,
                unit=unit,
                values=rows.snr,
                value_name="Signal to noise",
            ),
            "Posterior mean against truth. Where the noise is large, means are drawn "
            "to the middle of what is possible.",
        )
        for i, (name, (label, unit, scale)) in enumerate(shown.items())
    ]
    return Section("Estimates and truth", "", figures=drawn)


def _noise_section(rows: GalaxyRows) -> Section:
    errors = {
        "network": rows.mean - rows.truth,
        "Cramér-Rao bound": np.sqrt(np.einsum("nii->ni", rows.bound)),
    }
    if rows.fits is not None:
        fitted = np.full_like(errors["network"], np.nan)
        count = len(rows.fits.parameters)
        fitted[:count] = rows.fits.parameters - rows.truth[:count]
        errors[f"maximum likelihood ({count} rows)"] = fitted
    names = [f"{label} [{unit}]" if unit else label for label, unit in LABELS.values()]
    figure = figures.error_by_snr(rows.snr, errors, names, edges=EDGES)
    return Section(
        "Errors and the noise limit",
        "The Cramér-Rao bound holds for unbiased estimates. A posterior mean knows the "
        "limits of the parameters and may do better where the noise is large; where it "
        "is small, the bound is the floor.",
        figures=[
            ("error_by_snr", figure, "Root mean square errors by signal to noise.")
        ],
    )


def _calibration_sections(rows: GalaxyRows) -> list[Section]:
    if rows.posterior is None:
        return []
    transforms = rows.posterior.pit(rows.truth)
    named = {label: transforms[:, i] for i, (label, _) in enumerate(LABELS.values())}
    pulls = {k: ndtri(np.clip(v, 1e-6, 1 - 1e-6)) for k, v in named.items()}
    row = typical_row(rows)
    draws = one_row(rows, row)
    pairs = figures.posterior_pairs(
        draws,
        [f"{label} [{unit}]" if unit else label for label, unit in LABELS.values()],
        truth=rows.truth[row],
        bound=rows.bound[row],
        title=f"One galaxy at S/N {rows.snr[row]:.0f}",
    )
    return [
        Section(
            "Honesty of the posteriors",
            "Intervals should hold the truth as often as they say, at any signal to "
            "noise, and the posterior probability below the truth should be uniform.",
            figures=[
                (
                    "coverage",
                    figures.coverage_curve(pulls),
                    "Fraction of truths inside central intervals of any probability.",
                ),
                (
                    "pit",
                    figures.pit_histogram(named),
                    "A heap in the middle: too wide; heaps at the ends: too narrow; a "
                    "slope: biased. The band holds 95 % of honest bins.",
                ),
                (
                    "posterior_pairs",
                    pairs,
                    "Draws of the posterior, the truth, and the bound around it.",
                ),
            ],
            tables=[coverage_by_snr(rows)],
        )
    ]


def one_row(rows: GalaxyRows, row: int) -> np.ndarray:
    """Draws of one row's posterior, `(draw, 5)`."""
    whole = rows.posterior
    part = slice(row, row + 1)
    one = type(whole)(
        whole.weight[part],
        whole.location[part],
        whole.scale[part],
        whole.low,
        whole.high,
    )
    return one.draw(4000)[0]


def typical_row(rows: GalaxyRows) -> int:
    """The row whose signal to noise is closest to 60, well within all limits.

    Where no truth is in the middle four fifths of every range, any row will do.
    """
    low, high = limits()
    place = (rows.truth - low) / (high - low)
    inside = np.all(np.abs(place - 0.5) < 0.4, axis=1)
    away = np.abs(rows.snr - 60.0)
    return int(np.where(inside | ~inside.any(), away, np.inf).argmin())


def _residual_section(rows: GalaxyRows) -> Section:
    order = np.argsort(rows.snr)
    chosen = order[np.linspace(0, len(order) - 1, min(SHOWN, len(order))).astype(int)]
    renderer = GalaxyRenderer(pixels=rows.images.shape[1])
    models = renderer.images(rows.mean[chosen], rows.fwhm[chosen])
    titles = [f"S/N {rows.snr[i]:.0f}, χ² {rows.chi2[i]:.2f}" for i in chosen]
    figure = figures.residual_images(
        rows.images[chosen], models, rows.sigma[chosen], titles
    )
    return Section(
        "Residuals",
        "Each image is drawn anew from the posterior means. What is left should be "
        "noise, with a χ² over the number of pixels of 1.",
        figures=[("residuals", figure, "From the faintest to the brightest row.")],
    )


def _coverage_verdicts(metrics) -> list[Verdict]:
    verdicts = []
    for percent in (68, 95):
        found = {n: metrics[f"coverage_{percent}_{n}"].value for n in PARAMETERS}
        worst = max(found, key=lambda n: abs(found[n] - percent / 100))
        off = abs(found[worst] - percent / 100)
        text = (
            f"{percent} % intervals hold {min(found.values()):.1%} to "
            f"{max(found.values()):.1%} of the truths; the worst is {LABELS[worst][0]}."
        )
        verdicts.append(Verdict("pass" if off <= TOLERANCE else "fail", text))
    return verdicts


def _fit_verdicts(rows: GalaxyRows) -> list[Verdict]:
    if rows.fits is None:
        return []
    count = len(rows.fits.parameters)
    faint = rows.snr[:count] < 40
    verdicts = []
    for kind, chosen in (("below", faint), ("above", ~faint)):
        if chosen.sum() < LEAST:
            continue
        truth = rows.truth[:count][chosen]
        ratio = [
            rmse(truth[:, i], rows.mean[:count][chosen, i])
            / rmse(truth[:, i], rows.fits.parameters[chosen, i])
            for i in range(len(PARAMETERS))
        ]
        text = (
            f"RMSE over that of maximum likelihood at S/N {kind} 40 ({chosen.sum()} "
            f"galaxies): {min(ratio):.2f} to {max(ratio):.2f} by parameter."
        )
        good = max(ratio) < 1 if kind == "below" else max(ratio) < 1.1
        verdicts.append(Verdict("pass" if good else "fail", text))
    return verdicts
