"""Teff and [Fe/H] of real M dwarfs from pseudo-equivalent widths, star by star.

Each star is left out once, together with all that is known of it on either reference
scale; everything, from standardisation to kernel weights, is learnt from the others.
The baseline is what the ODUSSEAS authors do: standardise and ridge regression, with the
strength chosen on the training stars. Intervals are bootstraps over stars.

    python benchmarks/odusseas.py --data FOLDER --json

FOLDER holds the ODUSSEAS tables `*photometry*.csv` and `*interferometry*.csv`
(github.com/AlexandrosAntoniadis/ODUSSEAS, MIT).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

# Matrices of a hundred rows are done before threads have started.
for _name in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from sklearn.linear_model import RidgeCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from keras_astro.data.readers.equivalent_widths import read_line_table  # noqa: E402
from keras_astro.errors import KastroError, UsageError  # noqa: E402
from keras_astro.models.line_kernel import LineKernelRegressor  # noqa: E402

SCALES = ("photometry", "interferometry")
STRENGTHS = np.logspace(0, 7, 29)
UNITS = {"teff_kelvin": "K", "metallicity_dex": "dex"}


def read_tables(folder: Path):
    """Both scales stacked: widths, labels, scale index and star of each row."""
    tables = []
    for scale in SCALES:
        found = sorted(folder.glob(f"*{scale}*.csv"))
        if len(found) != 1:
            raise UsageError(f"{folder}: expected one *{scale}*.csv, found {found}")
        tables.append(read_line_table(found[0]))
    index = np.repeat([0, 1], [len(t.star) for t in tables])
    star = np.concatenate([t.star for t in tables])
    labels = {name: np.concatenate([t.labels[name] for t in tables]) for name in UNITS}
    return np.concatenate([t.widths for t in tables]), labels, index, star


def ridge(widths, labels, scale, star, left_out):
    """The baseline, which knows one scale."""
    train = (star != star[left_out]) & (scale == scale[left_out])
    model = make_pipeline(StandardScaler(), RidgeCV(STRENGTHS))
    return model.fit(widths[train], labels[train]).predict(widths[[left_out]])[0]


def kernel(widths, labels, scale, star, left_out):
    """Ours: the mean of a model of both scales and one of the star's own scale."""
    found = []
    for chosen in (np.ones(len(star), bool), scale == scale[left_out]):
        train = chosen & (star != star[left_out])
        model = LineKernelRegressor().fit(
            widths[train], labels[train], scale[train], star[train]
        )
        found.append(model.predict(widths[[left_out]], scale[[left_out]])[0])
    return float(np.mean(found))


METHODS = {"ridge": ridge, "kernel": kernel}


def interval(errors: np.ndarray, rng) -> list[float]:
    """Central 95 % of the mean absolute error over bootstrapped stars."""
    draws = errors[rng.integers(len(errors), size=(2000, len(errors)))].mean(axis=1)
    return np.percentile(draws, [2.5, 97.5]).tolist()


def measure(folder: Path) -> dict:
    """Mean absolute errors by scale, label and method."""
    widths, labels, scale, star = read_tables(folder)
    rng = np.random.default_rng(0)
    results = {}
    for number, name in enumerate(SCALES):
        rows = np.flatnonzero(scale == number)
        for label, truth in labels.items():
            errors = {
                method: np.abs(
                    [run(widths, truth, scale, star, i) - truth[i] for i in rows]
                )
                for method, run in METHODS.items()
            }
            mae = {method: float(e.mean()) for method, e in errors.items()}
            results[f"{name}_{label}"] = {
                "stars": len(rows),
                **{f"mae_{method}": value for method, value in mae.items()},
                **{f"interval_{m}": interval(e, rng) for m, e in errors.items()},
                "interval_difference": interval(
                    errors["kernel"] - errors["ridge"], rng
                ),
                "over_ridge": mae["kernel"] / mae["ridge"],
            }
    return results


def main() -> None:
    """Prints a line a scale and label, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        results = measure(options.data)
    except KastroError as error:
        sys.exit(str(error))
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for name, r in results.items():
        low, high = r["interval_difference"]
        print(
            f"{name:31s} n={r['stars']}  ridge {r['mae_ridge']:.4g}  "
            f"kernel {r['mae_kernel']:.4g}  ratio {r['over_ridge']:.2f}  "
            f"difference {low:+.3g}..{high:+.3g}"
        )


if __name__ == "__main__":
    main()
