"""Spectra of F, G and K stars from published polynomial coefficients.

The coefficients of a Cannon model (Ness et al. 2015, ApJ 808, 16) trained on synthetic
spectra come with the MIT-licensed package `thedoppler` of D. Nidever, which is not
imported: its file is read, and nothing in the file is executed.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_astro.errors import DataError, missing_extra

FILE = "data/cannongrid_3000_18000_coolstars_norm_cubic_model.pkl"
LABELS = ("TEFF", "LOGG", "FEH")

# All that a file of plain arrays, tuples and dictionaries needs.
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


@dataclass(frozen=True)
class CannonModel:
    """Normalised flux as a cubic polynomial of three labels, pixel by pixel.

    Args:
        wavelength: In air, angstrom, `(pixel,)`.
        theta: Coefficients, `(pixel, term)`; the first term is 1.
        terms: Each further term as pairs of label index and power.
        fiducials: What is subtracted from Teff, log g and [Fe/H].
        scales: What they are then divided by.
        nodes: Labels of the training spectra, `(node, label)`.
    """

    wavelength: np.ndarray
    theta: np.ndarray
    terms: tuple[tuple[tuple[int, float], ...], ...]
    fiducials: np.ndarray
    scales: np.ndarray
    nodes: np.ndarray

    def window(self, wavelength: np.ndarray) -> CannonModel:
        """The model on other wavelengths, interpolated between its own pixels.

        Raises:
            DataError: If the wavelengths reach beyond the model's.
        """
        if wavelength[0] < self.wavelength[0] or wavelength[-1] > self.wavelength[-1]:
            raise DataError(
                f"wavelengths of {wavelength[0]:.0f}-{wavelength[-1]:.0f} A reach "
                f"beyond the model's {self.wavelength[0]:.0f}-"
                f"{self.wavelength[-1]:.0f} A",
                hint="Ask for wavelengths inside of these.",
            )
        theta = [np.interp(wavelength, self.wavelength, row) for row in self.theta.T]
        return CannonModel(
            wavelength,
            np.stack(theta, axis=1),
            self.terms,
            self.fiducials,
            self.scales,
            self.nodes,
        )

    def flux(self, labels: np.ndarray) -> np.ndarray:
        """Normalised flux `(row, pixel)` of Teff, log g and [Fe/H], `(row, 3)`."""
        scaled = (np.asarray(labels, float) - self.fiducials) / self.scales
        columns = [np.ones(len(scaled))]
        for term in self.terms:
            columns.append(np.prod([scaled[:, i] ** p for i, p in term], axis=0))
        return np.stack(columns, axis=1) @ self.theta.T


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not an array")
        module = module.replace("numpy.core", "numpy._core")
        return getattr(importlib.import_module(module), name)


def read_cannon(path: Path) -> CannonModel:
    """Reads a Cannon model, building nothing but arrays and plain containers.

    Raises:
        DataError: If the file is absent or damaged, holds anything else than plain
            data, or no model of Teff, log g and [Fe/H].
    """
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file).load()
        vectorizer = content["vectorizer"][1]
        names = tuple(vectorizer["label_names"])
        terms = tuple(
            tuple((int(i), float(p)) for i, p in term) for term in vectorizer["terms"]
        )
        nodes = np.asarray(content["training_set_labels"], float)
        theta = np.asarray(content["theta"], float)
        wavelength = np.asarray(content["dispersion"], float)
    except (
        OSError,
        pickle.UnpicklingError,
        EOFError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise DataError(
            f"{path}: not a Cannon model ({error})",
            hint="Install its package again: pip install --force-reinstall thedoppler",
        ) from error
    shape = (len(wavelength), len(terms) + 1)
    if names != LABELS or theta.shape != shape:
        raise DataError(
            f"{path}: expected labels {LABELS} and coefficients of shape {shape}, "
            f"found {names} and {theta.shape}",
            hint="Install its package again: pip install --force-reinstall thedoppler",
        )
    # As The Cannon scales labels: the median, and the width that holds 95 % of nodes.
    low, middle, high = np.percentile(nodes, [2.5, 50, 97.5], axis=0)
    return CannonModel(wavelength, theta, terms, middle, high - low, nodes)


@functools.cache
def installed_cannon() -> CannonModel:
    """The model for cool stars that the package `thedoppler` installs.

    Raises:
        MissingExtraError: If the package is not installed.
    """
    # Finding a package runs none of it.
    found = importlib.util.find_spec("doppler")
    if found is None or found.origin is None:
        raise missing_extra("thedoppler", extra="stellar", purpose="preset cannon")
    return read_cannon(Path(found.origin).parent / FILE)
