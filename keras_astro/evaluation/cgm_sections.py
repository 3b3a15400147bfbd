"""The figures and tables of a spectrum model's report."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from keras_astro.evaluation import figures
from keras_astro.evaluation.figures.traversals import QUANTILES
from keras_astro.evaluation.latent_physics import PARAMETERS, Known
from keras_astro.evaluation.report import Section, Table
from keras_astro.evaluation.spectrum_lines import LineWindow, line_windows
from keras_astro.evaluation.spectrum_rows import SpectrumRows, decode
from keras_astro.evaluation.subject import Subject
from keras_astro.tasks.cgm_config import System

BASELINES = {
    "pca": "principal components",
    "nmf": "non-negative parts",
    "mean": "mean spectrum",
}
# Lines of traversals: the strongest ones tell most.
TRAVERSED = 4


def of_lines(
    rows: SpectrumRows, subject: Subject, system: System, widths
) -> list[Section]:
    """Sections that need to know lines and a redshift."""
    windows = line_windows(rows.wavelength, system.lines, redshift=system.redshift)
    found = []
    if windows:
        found.append(_spectra(rows, windows))
        found.append(_traversals(rows, subject, windows))
    if widths:
        found.append(_widths(widths))
    return found


def always(rows: SpectrumRows, subject: Subject) -> list[Section]:
    """Sections that any model and any rows allow."""
    error = np.log10(np.maximum(rows.mse(rows.refined), 1e-12))
    corner = figures.latent_corner(
        rows.z, error, value_name="log10 of the mean squared error"
    )
    found = [_groups(rows)]
    if len(rows.z) > 1:
        found.append(Section("Latents", "", [("latent_corner", corner)]))
    found.append(_outliers(rows, subject))
    return found


def reduction(rows: SpectrumRows, subject: Subject) -> Section:
    """Errors by number of latents or parts, and what each number costs."""
    curves = {
        name: {d: float(error.mean()) for d, error in rows.baselines[name].items()}
        for name in ("pca", "nmf")
        if rows.baselines.get(name)
    }
    model = {
        "amortised": (rows.latents, float(rows.mse(rows.amortised).mean())),
        "refined": (rows.latents, float(rows.mse(rows.refined).mean())),
    }
    floor = float(np.mean(rows.targets.get("noise_mse", 0.0)))
    run = subject.run
    sweep = read_sweep(run.path / "leaderboard.csv") if run else None
    figure = figures.reduction_curves(curves, model, sweep=sweep, floor=floor)
    text = (
        "Every latent has its price in the challenge's loss: 3e-5 each, and 1.5e-4 for "
        "seven or more."
    )
    if run is None:
        text += " Linear reductions are fitted on the other half of the rows shown."
    return Section("How many numbers", text, [("reduction_curves", figure)])


def read_sweep(path: Path) -> dict[int, float] | None:
    """Error of a search's best trial by number of latents; None without a search."""
    if not path.is_file():
        return None
    found: dict[int, float] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            if row.get("model.latent_dim") and row.get("mse_refined"):
                latents, error = int(row["model.latent_dim"]), float(row["mse_refined"])
                found[latents] = min(error, found.get(latents, np.inf))
    return found or None


def _spectra(rows: SpectrumRows, windows: list[LineWindow]) -> Section:
    error = rows.mse(rows.refined)
    floor = rows.targets.get("noise_mse")
    order = np.argsort(error if floor is None else error - floor)
    examples = {
        "typical": order[len(order) // 2],
        "poor": order[int(0.95 * (len(order) - 1))],
        "worst": order[-1],
    }
    shown = []
    for name, row in examples.items():
        figure = figures.velocity_panels(
            rows.flux[row],
            rows.refined[row],
            windows,
            amortised=rows.amortised[row],
            good=rows.good[row],
            title=f"{name}: mean squared error {error[row]:.2g}",
        )
        shown.append((f"velocity_panels__{name}", figure))
    text = (
        "Three test spectra by their error: the median, the 95th percentile and the "
        "largest."
    )
    return Section("Reconstructions", text, shown)


def _traversals(
    rows: SpectrumRows, subject: Subject, windows: list[LineWindow]
) -> Section:
    middle = np.median(rows.z, axis=0)
    codes = np.repeat(middle[None, None], len(QUANTILES), axis=1)
    codes = np.repeat(codes, rows.latents, axis=0)
    levels = np.quantile(rows.z, QUANTILES, axis=0)
    for latent in range(rows.latents):
        codes[latent, :, latent] = levels[:, latent]
    flat = codes.reshape(-1, rows.latents).astype("float32")
    decoded = decode(subject.predictor, flat).reshape(*codes.shape[:2], -1)
    strength = [np.mean(1 - rows.flux[:, w.pixels]) for w in windows]
    chosen = sorted(np.argsort(strength)[::-1][:TRAVERSED])
    figure = figures.latent_traversals(decoded, [windows[i] for i in chosen])
    text = (
        "Each latent is moved from its 1st to its 99th percentile, the others stay at "
        "their medians."
    )
    return Section("What each latent does", text, [("latent_traversals", figure)])


def knowledge(known: dict[str, Known]) -> Section:
    """What regressions find of the gas in the latents."""
    table = Table(
        ("parameter", "R² linear", "R² trees"),
        [
            (PARAMETERS[n], round(v.linear, 3), round(v.trees, 3))
            for n, v in known.items()
        ],
        "Regressions from latents, measured on rows that they were not fitted on.",
    )
    text = (
        "Latents serve the reconstruction of flux and nothing else: what changes the "
        "spectrum little, such as the density of the gas, is not in them."
    )
    figure = figures.latent_knowledge(known)
    return Section(
        "What the latents know of the gas",
        text,
        [("latent_knowledge", figure)],
        [table],
    )


def _widths(widths) -> Section:
    table = Table(
        ("line", "mean width [mÅ]", "bias [mÅ]", "scatter [mÅ]"),
        [
            (
                name,
                round(float(1e3 * data.mean()), 2),
                round(float(1e3 * np.mean(model - data)), 3),
                round(float(1e3 * np.std(model - data)), 3),
            )
            for name, (data, model) in widths.items()
        ],
        "Rest equivalent widths within 400 km/s, reconstruction against data.",
    )
    figure = figures.equivalent_width_bias(widths)
    return Section(
        "Equivalent widths", "", [("equivalent_width_bias", figure)], [table]
    )


def _groups(rows: SpectrumRows) -> Section:
    errors = {
        "refined": rows.mse(rows.refined),
        "encoder alone": rows.mse(rows.amortised),
    }
    linear = rows.baselines.get("pca", {}).get(rows.latents)
    if linear is not None:
        errors["principal components"] = linear
    classes = rows.targets.get("absorber_class")
    if classes is None:
        groups = {"all spectra": np.ones(len(rows.flux), bool)}
    else:
        groups = {
            "damped": classes == 2,
            "Lyman limit": classes == 1,
            "rest": classes == 0,
        }
    figure = figures.error_by_group(errors, groups)
    return Section("Error by absorber", "", [("error_by_group", figure)])


def _outliers(rows: SpectrumRows, subject: Subject) -> Section:
    size = subject.predictor.manifest["calibration"]["n"]
    figure = figures.p_value_calibration(rows.outputs["p_value"], calibration_size=size)
    text = (
        "The score is the error of the encoder's reconstruction, in units of the noise "
        "where that is known. Its p-value is the share of held-back spectra that "
        "score as high; a small one marks a spectrum unlike those trained on."
    )
    return Section("Outliers", text, [("p_value_calibration", figure)])
