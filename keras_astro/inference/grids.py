"""The grid that a model was trained on, and rows on another one refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_astro.errors import DataError

# Places at which two grids are compared, and how far off they may be in steps.
PLACES, TOLERANCE = 64, 0.1


def describe_grids(axes: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Some values of each numeric axis, for a manifest.

    Example:
        >>> describe_grids({"wavelength_angstrom": np.array([1.0, 2.0, 4.0])})
        {'wavelength_angstrom': {'index': [0, 1, 2], 'value': [1.0, 2.0, 4.0]}}
    """
    found = {}
    for name, values in axes.items():
        values = np.asarray(values)
        if values.ndim == 1 and len(values) > 1 and values.dtype.kind == "f":
            index = np.unique(np.linspace(0, len(values) - 1, PLACES).astype(int))
            found[name] = {
                "index": index.tolist(),
                "value": values[index].astype(float).tolist(),
            }
    return found


def check_grids(
    manifest: Mapping[str, Any], axes: Mapping[str, np.ndarray], name: str
) -> None:
    """Compares rows' axes with those of the training rows.

    Axes that either side does not know are not compared.

    Args:
        manifest: Of the model.
        axes: Of the rows, by name.
        name: Of the rows.

    Raises:
        DataError: If an axis differs by more than a tenth of its step.
    """
    for axis, known in manifest.get("grids", {}).items():
        if axis not in axes:
            continue
        given = np.asarray(axes[axis], float)
        index, value = np.array(known["index"]), np.array(known["value"])
        if len(given) != index[-1] + 1:
            # The number of pixels is refused with the shapes of the inputs.
            continue
        step = np.abs(np.gradient(given))[index]
        off = np.abs(given[index] - value)
        if not np.all(off <= TOLERANCE * step):
            raise DataError(
                f"{name}: expected {axis} from {value[0]:.6g} to {value[-1]:.6g} as "
                f"the model was trained on, found {given[0]:.6g} to {given[-1]:.6g}, "
                f"{off.max():.3g} apart",
                hint="Resample the rows to the model's grid, or train on theirs.",
            )
