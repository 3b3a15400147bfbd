"""Where each packet schema keeps what an alert needs: one map per family of versions.

Surveys rename fields between versions, so nothing is read by a fixed name: a map lists
the places of each quantity, first to last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keras_astro.errors import DataError

Record = Mapping[str, Any]

# Band of ZTF's filter numbers.
ZTF_BANDS = {1: "g", 2: "r", 3: "i"}
MJD = 2_400_000.5
# What ZTF writes where it has no value.
NO_VALUE = -999.0
ZTF_PIXEL_ARCSEC = 1.012


@dataclass(frozen=True)
class FieldMap:
    """Places of an alert's quantities in one family of packet schemas.

    Args:
        survey: Name of the survey.
        versions: Schema versions that it holds for, for messages.
        id: Paths of the alert's number, `a.b` for a field of a nested record.
        object: Paths of the object's name; the alert's own where it has no object.
        time: Path of the exposure's time, and how it becomes MJD.
        band: Path of the filter, and how it becomes a name.
        cutouts: Names of the science, template and difference cutouts.
        side: Pixels across a whole cutout.
        features: Each of the metadata features that the schema has.
    """

    survey: str
    versions: str
    id: tuple[str, ...]
    object: tuple[str, ...]
    time: tuple[str, Callable[[float], float]]
    band: tuple[str, Callable[[Any], str]]
    cutouts: tuple[str, str, str]
    side: int
    features: Callable[[Record], dict[str, float]]


def number(value: Any) -> float:
    """A measurement as a float; NaN where the survey has none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return math.nan if value == NO_VALUE else float(value)


def look_up(record: Record, path: str) -> Any:
    """A field by its dotted path, None where any part is absent."""
    value: Any = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def first_found(record: Record, paths: tuple[str, ...]) -> Any:
    """The first of several places that has a value."""
    found = (look_up(record, path) for path in paths)
    return next((value for value in found if value not in (None, "", 0)), None)


def sign(value: Any) -> float:
    """ZTF's `isdiffpos`: t, 1 and true are positive, f and 0 negative.

    Example:
        >>> sign("t"), sign("0"), math.isnan(sign(None))
        (1.0, 0.0, True)
    """
    text = str(value).lower()
    positive = {"t": 1.0, "1": 1.0, "true": 1.0, "f": 0.0, "0": 0.0, "false": 0.0}
    return positive.get(text, math.nan)


def log_of(value: float, above: float = 1.0) -> float:
    """Decadic logarithm of `above` + a count, a time or a distance.

    Example:
        >>> log_of(99), math.isnan(log_of(-1))
        (2.0, True)
    """
    return math.log10(above + value) if value >= 0 else math.nan


def latitudes(ra: float, dec: float) -> dict[str, float]:
    """Absolute galactic and ecliptic latitude of equatorial degrees (J2000).

    Example:
        >>> north = latitudes(192.85948, 27.12825)
        >>> round(north["galactic_latitude_deg"], 1)
        90.0
    """
    if not (math.isfinite(ra) and math.isfinite(dec)):
        return {}
    ra, dec = math.radians(ra), math.radians(dec)
    poles = {
        "galactic_latitude_deg": (192.85948, 27.12825),
        "ecliptic_latitude_deg": (270.0, 66.560709),
    }
    found = {}
    for name, pole in poles.items():
        pole_ra, pole_dec = map(math.radians, pole)
        sine = math.sin(dec) * math.sin(pole_dec) + math.cos(dec) * math.cos(
            pole_dec
        ) * math.cos(ra - pole_ra)
        found[name] = abs(math.degrees(math.asin(max(-1.0, min(1.0, sine)))))
    return found


def ztf_features(record: Record) -> dict[str, float]:
    """Features of a ZTF candidate, by the names of the schema."""
    candidate = record.get("candidate") or {}

    def get(name: str) -> float:
        return number(candidate.get(name))

    return {
        "is_positive": sign(candidate.get("isdiffpos")),
        "magpsf_mag": get("magpsf"),
        "sigmapsf_mag": get("sigmapsf"),
        "magnr_mag": get("magnr"),
        "log_distnr": log_of(get("distnr") * ZTF_PIXEL_ARCSEC, 0.1),
        "log_chinr": log_of(get("chinr"), 0.1),
        "sharpnr": get("sharpnr"),
        "sgscore1": get("sgscore1"),
        "log_distpsnr1": log_of(get("distpsnr1"), 0.1),
        "log_ndethist": log_of(get("ndethist")),
        "log_ncovhist": log_of(get("ncovhist")),
        "log_history_days": log_of(get("jd") - get("jdstarthist")),
        "log_fwhm": log_of(get("fwhm"), 0.1),
        "classtar": get("classtar"),
        "log_nneg": log_of(get("nneg")),
        "elong": get("elong"),
        "diffmaglim_mag": get("diffmaglim"),
        "log_neargaia": log_of(get("neargaia"), 0.1),
    } | latitudes(get("ra"), get("dec"))


def lsst_features(record: Record) -> dict[str, float]:
    """Features of a Rubin source that ZTF has too; fluxes in nJy become AB mag."""
    source = record["diaSource"]
    flux = number(source.get("psfFlux"))
    error = number(source.get("psfFluxErr"))
    template = number(source.get("templateFlux"))
    negative = source.get("isNegative", source.get("is_negative"))
    if negative is None:
        positive = math.nan if math.isnan(flux) else float(flux > 0)
    else:
        positive = float(not negative)
    history = record.get("prvDiaSources") or ()
    times = [number(row.get("midpointMjdTai")) for row in history]
    return {
        "is_positive": positive,
        "magpsf_mag": ab_mag(abs(flux)),
        "sigmapsf_mag": 1.0857 * error / abs(flux) if flux else math.nan,
        "magnr_mag": ab_mag(template),
        "log_ndethist": log_of(len(history)),
        "log_history_days": log_of(
            number(source.get("midpointMjdTai")) - min(times, default=math.nan)
        ),
    } | latitudes(number(source.get("ra")), number(source.get("dec")))


def ab_mag(njy: float) -> float:
    """AB magnitude of a flux in nJy; NaN where it is not positive.

    Example:
        >>> round(ab_mag(3631), 1)
        22.5
    """
    return 31.4 - 2.5 * math.log10(njy) if njy > 0 else math.nan


CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
ZTF_TIME = ("candidate.jd", lambda jd: jd - MJD)
ZTF_BAND = ("candidate.fid", lambda fid: ZTF_BANDS.get(fid, ""))

ZTF_1 = FieldMap(
    survey="ztf",
    versions="1.x",
    id=("alertId", "candid", "candidate.candid"),
    object=("objectId",),
    time=ZTF_TIME,
    band=ZTF_BAND,
    cutouts=CUTOUTS,
    side=63,
    features=ztf_features,
)
ZTF = FieldMap(
    survey="ztf",
    versions="2.0 to 4.02",
    # Some brokers drop the number at the top.
    id=("candid", "candidate.candid"),
    object=("objectId",),
    time=ZTF_TIME,
    band=ZTF_BAND,
    cutouts=CUTOUTS,
    side=63,
    features=ztf_features,
)
LSST_TIME = ("diaSource.midpointMjdTai", lambda mjd: mjd)
LSST_BAND = ("diaSource.band", lambda band: str(band or ""))
# Sources of the solar system have no object of the sky.
LSST_OBJECT = ("diaSource.diaObjectId", "diaObject.diaObjectId", "diaSource.ssObjectId")
LSST_7 = FieldMap(
    survey="lsst",
    versions="7.x",
    id=("alertId", "diaSource.diaSourceId"),
    object=LSST_OBJECT,
    time=LSST_TIME,
    band=LSST_BAND,
    cutouts=CUTOUTS,
    side=30,
    features=lsst_features,
)
LSST = FieldMap(
    survey="lsst",
    versions="8.0 to 11",
    id=("diaSourceId", "diaSource.diaSourceId"),
    object=LSST_OBJECT,
    time=LSST_TIME,
    band=LSST_BAND,
    cutouts=CUTOUTS,
    side=30,
    features=lsst_features,
)


def field_map(record: Record) -> FieldMap:
    """The map of a packet, told by what only its family of schemas has.

    Raises:
        DataError: If the packet is of no survey that is known.
    """
    if isinstance(record.get("diaSource"), Mapping):
        return LSST_7 if "alertId" in record else LSST
    if isinstance(record.get("candidate"), Mapping):
        return ZTF_1 if "alertId" in record else ZTF
    raise DataError(
        "expected a ZTF packet with a candidate or a Rubin packet with a diaSource, "
        f"found the fields {', '.join(map(str, list(record)[:6])) or 'none'}",
        hint="Give packets as ZTF or Rubin send them, or stamps as .npz, (row, y, x, "
        "3).",
    )


def _fields(names: str) -> dict[str, dict]:
    return {name: {} for name in names.split()}


# The record that tells a survey.
RECORDS = ("candidate", "diaSource")
# All that the maps and features above look at, for readers that skip the rest.
USED = {
    **_fields("alertId candid objectId schemavsn diaSourceId"),
    "candidate": _fields(
        "candid jd fid xpos ypos isdiffpos magpsf sigmapsf magnr distnr chinr sharpnr "
        "sgscore1 distpsnr1 ndethist ncovhist jdstarthist fwhm classtar nneg elong "
        "diffmaglim neargaia ra dec"
    ),
    "diaSource": _fields(
        "diaSourceId diaObjectId ssObjectId midpointMjdTai band psfFlux psfFluxErr "
        "templateFlux isNegative is_negative ra dec"
    ),
    "diaObject": _fields("diaObjectId"),
    "prvDiaSources": _fields("midpointMjdTai"),
    **{name: _fields("stampData") for name in CUTOUTS},
}
