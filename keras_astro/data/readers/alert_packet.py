"""One alert from one packet: names, time, metadata, and stamps with the source centred.

Cutouts at a detector's edge are smaller. The source is not in their middle, so padding
would move it: it is put back where it belongs by its position on the detector.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_astro.data.alert_schema import CHANNELS, feature_row
from keras_astro.data.readers.alert_fields import (
    FieldMap,
    Record,
    field_map,
    first_found,
    look_up,
    number,
)
from keras_astro.data.readers.cutouts import centred, read_cutout
from keras_astro.errors import DataError


@dataclass
class Alert:
    """An alert of any survey.

    Args:
        id: Number of the alert, as text.
        group: Name of its object; the id where it has none.
        mjd: Time of the exposure.
        band: Filter.
        survey: Survey and packet schema version.
        stamps: `(y, x, 3)` float32, NaN where there is no data.
        metadata: `(feature,)` float32, NaN where unknown.
    """

    id: str
    group: str
    mjd: float
    band: str
    survey: str
    stamps: np.ndarray
    metadata: np.ndarray


def read_alert(record: Record) -> Alert:
    """The alert of a decoded packet.

    Raises:
        DataError: If what an alert needs is missing or damaged, with the reason.
    """
    fields = field_map(record)
    name = first_found(record, fields.id)
    if name is None:
        raise DataError(
            f"expected an alert number, found none in {fields.id[0]}",
            hint=f"Put it into {fields.id[0]}, or give the stamps alone as .npz.",
        )
    time = number(look_up(record, fields.time[0]))
    version = str(record.get("schemavsn") or fields.versions)
    return Alert(
        id=str(name),
        group=str(first_found(record, fields.object) or name),
        mjd=fields.time[1](time),
        band=fields.band[1](look_up(record, fields.band[0])),
        survey=f"{fields.survey} {version}",
        stamps=read_stamps(record, fields),
        metadata=feature_row(fields.features(record)),
    )


def read_stamps(record: Record, fields: FieldMap) -> np.ndarray:
    """Science, template and difference, centred on the source, `(y, x, 3)`.

    Raises:
        DataError: If a cutout is missing, damaged, or has no valid pixel at all.
    """
    planes = np.empty((len(CHANNELS), fields.side, fields.side), np.float32)
    for channel, name in enumerate(fields.cutouts):
        data = cutout_bytes(record.get(name))
        if data is None:
            raise DataError(
                f"expected the cutout {name}, found none",
                hint=f"Give packets with all of {', '.join(fields.cutouts)}: some "
                "streams leave them out.",
            )
        try:
            pixels, header = read_cutout(data)
            source = source_pixel(record, fields, pixels.shape, header)
            planes[channel] = centred(pixels, fields.side, source=source)
        except DataError as error:
            raise DataError(f"{name}: {error}", hint=error.hint) from error
        middle = planes[channel, fields.side // 2, fields.side // 2]
        if np.isnan(middle) and np.isnan(planes[channel]).all():
            raise DataError(
                f"{name}: expected pixels, found none that is valid",
                hint="Look at the cutout: NaN and fill values count as no data.",
            )
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def cutout_bytes(field: Any) -> bytes | None:
    """A cutout's bytes: the field itself, or its `stampData`."""
    if isinstance(field, Mapping):
        field = field.get("stampData")
    return field if isinstance(field, bytes) and field else None


def source_pixel(
    record: Record, fields: FieldMap, shape: tuple[int, int], header: dict[str, str]
) -> tuple[int, int]:
    """Row and column of the source in a cutout.

    ZTF cuts around pixel `round(ypos) - 1`; at the low edges of the detector the source
    is that far from the first row. Rubin's header has the position.
    """
    if fields.survey == "lsst":
        found = (header.get("CRPIX2"), header.get("CRPIX1"))
        return tuple(
            _index(text, size) for text, size in zip(found, shape, strict=True)
        )
    middle = (fields.side - 1) // 2
    pixels = (number(look_up(record, f"candidate.{name}")) for name in ("ypos", "xpos"))
    return tuple(
        middle
        if size == fields.side or math.isnan(pixel)
        else int(min(max(round(pixel) - 1, 0), middle))
        for size, pixel in zip(shape, pixels, strict=True)
    )


def _index(text: str | None, size: int) -> int:
    """FITS counts pixels from 1."""
    try:
        place = float(text) - 1 if text else (size - 1) // 2
    except ValueError:
        place = (size - 1) // 2
    return round(place) if -size < place < 2 * size else (size - 1) // 2
