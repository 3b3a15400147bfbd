"""Arrays out of pickles that a user vouches for, with nothing else let in.

Unpickling runs whatever the file says. Here it may build NumPy arrays, dictionaries and
lists of them, and nothing more: every other name, and every opcode that could fetch one
past this list, is refused before the file is run.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from keras_astro.errors import DataError

# What NumPy's arrays consist of in protocols 2 to 5 and in NumPy 1 and 2.
ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}
# Extension codes can fetch a class from a cache that the list does not guard.
FORBIDDEN = {"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "INST", "OBJ"}
MOST_BYTES = 16 << 30
SAFER = "Load the file where you made it and save it with numpy.savez."


class ArrayUnpickler(pickle.Unpickler):
    """Builds arrays and refuses every other class or function."""

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise DataError(
                f"expected arrays alone, found {module}.{name}",
                hint=SAFER,
            )
        # Old names of NumPy's modules still resolve, with a warning.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickle(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a pickled dictionary, by name; nested names are joined by `/`.

    Args:
        path: The file; only one that its user trusts should come here, though nothing
            but arrays can be built from it.

    Returns:
        Arrays by name; lists of numbers or equal arrays become arrays.

    Raises:
        DataError: If it holds anything but arrays, is damaged, or is too large.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(
                f"{path}: expected a pickle of at most {MOST_BYTES / 2**30:.3g} GiB, "
                f"found {size / 2**30:.3g}",
                hint="Save its arrays in several files.",
            )
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error})",
            hint="Check that the file exists and may be read.",
        ) from error
    try:
        for opcode, _, _ in pickletools.genops(data):
            if opcode.name in FORBIDDEN:
                raise DataError(
                    f"expected arrays alone, found opcode {opcode.name}", hint=SAFER
                )
        found = ArrayUnpickler(io.BytesIO(data)).load()
    except DataError as error:
        raise DataError(f"{path}: {error}", hint=error.hint) from error
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AssertionError,
        AttributeError,
        EOFError,
        ImportError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        raise DataError(
            f"{path}: expected a pickle of arrays, found one damaged "
            f"({type(error).__name__})",
            hint="Copy or download it again, or save plain arrays anew.",
        ) from error
    arrays = dict(_arrays(found, ""))
    if not arrays:
        raise DataError(
            f"{path}: expected a dictionary of arrays, found a {type(found).__name__}",
            hint="Save a dictionary of named arrays.",
        )
    return arrays


def one_group(
    path: Path, arrays: dict[str, np.ndarray], group: str | None
) -> dict[str, np.ndarray]:
    """The arrays of one group of a pickle, such as `Train` of `Train` and `Test`.

    Args:
        path: The pickle, for messages.
        arrays: What `read_pickle` found.
        group: Name before the `/`; where None, names must have none.

    Raises:
        DataError: If there is no such group, or one must be chosen.

    Example:
        >>> arrays = {"Train/stamps": np.ones(2), "Test/stamps": np.ones(1)}
        >>> one_group(Path("a.pkl"), arrays, "Test")
        {'stamps': array([1.])}
    """
    groups = sorted({name.rpartition("/")[0] for name in arrays} - {""})
    if group is None and not (groups and all("/" in name for name in arrays)):
        return arrays
    if group not in groups:
        raise DataError(
            f"{path}: expected one of the groups {', '.join(groups) or '(none)'}, "
            f"found {group or 'none chosen'}",
            hint="Choose one with --group." if groups else "Leave --group out.",
        )
    start = f"{group}/"
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def _arrays(value: Any, name: str):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _arrays(inner, f"{name}/{key}" if name else str(key))
        return
    if isinstance(value, list | tuple) and name:
        try:
            value = np.array(value)
        except ValueError:
            return
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufUS":
        yield name or "stamps", value
