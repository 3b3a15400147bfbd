"""The table of predictions, and its files."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column, Table

from keras_astro.errors import DataError, UsageError, missing_extra
from keras_astro.inference.manifest import caveat
from keras_astro.tasks.catalog import agreement_terms, prior

FORMATS = {
    ".csv": "ascii.csv",
    ".ecsv": "ascii.ecsv",
    ".fits": "fits",
    ".parquet": "parquet",
    ".h5": "hdf5",
}
FIRST = ("score", "p_value", "is_anomaly")
# Outputs that are 0 or 1 and become booleans.
FLAGS = ("is_anomaly", "abstains")


def predictions_table(
    outputs: dict[str, np.ndarray],
    ids: np.ndarray,
    manifest: dict[str, Any],
    flags: np.ndarray,
    reasons: np.ndarray | None = None,
) -> Table:
    """One row an object: id, scores, parameters, latents, quality flags.

    Args:
        outputs: The `predict` signature's arrays, `(row,)` or `(row, latent)`.
        ids: Name of each row.
        manifest: Gives units, descriptions and the facts in the table's header.
        flags: Quality flags of each row.
        reasons: Why rows have no result, empty for the others; None for no such column.

    Returns:
        An astropy table with units and descriptions; `is_anomaly` is boolean.
    """
    specs = manifest["signatures"]["predict"]["outputs"] | {
        name: {"units": units, "description": text}
        for name, (units, text) in agreement_terms(manifest["task"]).items()
    }
    columns = [Column(np.asarray(ids, str), name="id", description="Name of the row")]
    names = [n for n in FIRST if n in outputs]
    names += sorted(n for n in outputs if n not in FIRST)
    for name in names:
        values, spec = outputs[name], specs[name]
        if values.ndim == 2:
            columns += [
                Column(
                    values[:, i], name=f"{name}_{i}", description=spec["description"]
                )
                for i in range(values.shape[1])
            ]
            continue
        if name == "class_index":
            named = np.array(manifest["classes"])[np.rint(values).astype(int)]
            columns.append(Column(named, name="class", description="Named class"))
            continue
        if name in FLAGS:
            values = values > 0.5
        unit = spec["units"] or None
        columns.append(
            Column(values, name=name, unit=unit, description=spec["description"])
        )
    columns.append(
        Column(np.asarray(flags, str), name="quality", description="Warnings")
    )
    if reasons is not None:
        text = "Why there is no result"
        columns.append(
            Column(np.asarray(reasons, str), name="reason", description=text)
        )
    meta = {
        "TASK": manifest["task"],
        "MODEL": manifest["model_sha256"][:16],
        "VERSION": manifest["kastro_version"],
    }
    # One card of a FITS header each: nothing is estimated beyond these.
    for number, (name, (low, high)) in enumerate(prior(manifest["task"]).items(), 1):
        meta[f"PRIOR{number}"] = f"{low:g} <= {name} <= {high:g}"
    if calibration := manifest["calibration"]:
        meta |= {
            "FPR": calibration["false_positive_rate"],
            "CALROWS": calibration["n"],
        }
    if text := caveat(manifest):
        meta["WARNING"] = text
    return Table(columns, meta=meta)


def write_table(table: Table, path: Path, *, overwrite: bool = False) -> None:
    """Writes a table in the format of the path's suffix, atomically.

    Raises:
        UsageError: If the suffix is unknown, the file exists already, or the format
            cannot hold the text.
        MissingExtraError: If Parquet is wanted and pyarrow is not installed.
        DataError: If the disk refuses.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise UsageError(
            f"{path}: expected one of {', '.join(FORMATS)}, found {path.suffix!r}",
            hint="Name the table anew with -o.",
        )
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists already", hint="Replace it with --overwrite.")
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            _write_parquet(table, partial)
        elif path.suffix == ".fits":
            _write_fits(table, partial)
        elif path.suffix == ".h5":
            # Without its metadata the table would lose units and descriptions.
            table.write(partial, format="hdf5", path="predictions", serialize_meta=True)
        else:
            table.write(partial, format=FORMATS[path.suffix])
        os.replace(partial, path)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{path}: expected ASCII text for FITS, found {error.object!r}",
            hint="Choose .ecsv, .parquet or .h5.",
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error})",
            hint="Free disk space or choose another place with -o.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _write_fits(table: Table, path: Path) -> None:
    from astropy.io import fits

    plain = table.copy(copy_data=False)
    for column in plain.itercols():
        column.unit = None
    hdu = fits.table_to_hdu(plain)
    # The standard's list has no electron, and astropy would leave such units out.
    for number, name in enumerate(table.colnames, 1):
        if table[name].unit is not None:
            hdu.header[f"TUNIT{number}"] = table[name].unit.to_string()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


def _write_parquet(table: Table, path: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise missing_extra("pyarrow", extra="parquet", purpose="Parquet") from error
    arrays = {name: np.asarray(table[name]) for name in table.colnames}
    content = pyarrow.table(
        {k: v.tolist() if v.dtype.kind == "U" else v for k, v in arrays.items()}
    )
    facts = {k: str(v) for k, v in table.meta.items()}
    parquet.write_table(content.replace_schema_metadata(facts), path)
