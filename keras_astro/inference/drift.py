"""Whether rows still look like those a model was made for, in a sliding window.

Each quantity of the manifest's reference is compared by its population stability index,
PSI = sum over bins of (p - q) ln(p / q), with p and q the shares of a bin in the window
and in the reference. Its customary limit is 0.25. By chance alone PSI is about
(1/n + 1/m) times chi squared of (bins - 1) degrees for n and m rows (Yurdakul & Naranjo
2020, Journal of Risk Model Validation 14(4)), so that with few rows, or many
quantities, the limit is higher.

P-values of normal rows are uniform between 0 and 1 (Vovk et al. 2005, ch. 2); how far
they are not is measured by Kolmogorov and Smirnov's distance, with the two-sample
number of rows because the p-values are themselves ranks among the calibration rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from keras_astro.inference.reference import bins_of, row_quantities

WINDOW = 1000
MINIMUM = 100
PSI_LIMIT = 0.25
KS_LIMIT = 0.1

# Of one window without drift; windows of a night are looked at a hundred times.
CHANCE = 1e-4


class DriftWatch:
    """Keeps the last rows' bins and compares them with a manifest's reference.

    Of a run that was not evaluated, or an artefact made before there was a reference,
    nothing is said but that.

    Args:
        manifest: Of the model.
        window: Rows that are compared at a time.

    Example:
        >>> inputs = {"signatures": {"predict": {"inputs": {}}}}
        >>> DriftWatch(inputs).report()["status"]
        'no reference'
    """

    def __init__(self, manifest: Mapping[str, Any], *, window: int = WINDOW):
        self.manifest = manifest
        self.window = window
        self.reference = manifest.get("reference")
        self.rows = self.windows = self.alarms = self.compared = 0
        self.first_alarm: int | None = None
        self.names: list[str] = []
        self.edges = self.bins = np.zeros((0, 0))
        self.p_values: np.ndarray | None = None

    def add(
        self, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> None:
        """Takes rows in, and compares whenever half a window is new.

        Args:
            inputs: Arrays by input name, rows first.
            outputs: The `predict` signature's arrays of these rows.
        """
        if self.reference:
            found = row_quantities(inputs, outputs, self.manifest)
            self.take(found, outputs.get("p_value"))

    def take(
        self, found: Mapping[str, np.ndarray], p_values: np.ndarray | None
    ) -> None:
        """Takes in rows of which the quantities are known already.

        Args:
            found: As from `row_quantities`.
            p_values: Of the rows, where the model has them.
        """
        if not self.rows:
            self._begin(found, p_values)
        rows = len(next(iter(found.values())))
        place = np.arange(self.rows, self.rows + rows)[-self.window :] % self.window
        if self.names:
            values = np.stack([found[name] for name in self.names])
            self.bins[:, place] = bins_of(values[:, -self.window :], self.edges)
        if self.p_values is not None:
            self.p_values[place] = p_values[-self.window :]
        before, self.rows = self.rows, self.rows + rows
        step = max(self.window // 2, 1)
        if self.rows >= self.window and before // step != self.rows // step:
            alarm = self._compare()["status"] == "alarm"
            self.compared = self.rows
            self.windows += 1
            self.alarms += alarm
            if alarm and self.first_alarm is None:
                self.first_alarm = self.rows

    def _begin(self, found: Mapping, p_values: np.ndarray | None) -> None:
        known = self.reference["quantities"]
        self.names = [name for name in known if name in found]
        edges = [known[name]["edges"] for name in self.names]
        most = max(map(len, edges), default=0)
        padded = [[*e, *[np.inf] * (most - len(e))] for e in edges]
        self.edges = np.array(padded, np.float32).reshape(len(edges), most)
        self.bins = np.zeros((len(edges), self.window), np.uint8)
        if p_values is not None:
            self.p_values = np.zeros(self.window, np.float32)

    def report(self) -> dict[str, Any]:
        """What the present window shows.

        Returns:
            `status` is `ok`, `alarm`, `too few rows` or `no reference`. With rows
            enough there are `psi` by quantity, `psi_limit`, the names in `drifted`,
            `p_value_ks` with its `p_value_ks_limit` where the model has p-values,
            `rows` of the window and `reference_rows`. `windows` were compared in all,
            `alarms` of them gave an alarm, the first when `first_alarm_row` rows were
            in.
        """
        if not self.reference:
            return {"status": "no reference"}
        filled = min(self.rows, self.window)
        needed = min(MINIMUM, self.window)
        if filled < needed:
            return {"status": "too few rows", "rows": filled, "needed": needed}
        found = self._compare()
        # The last rows are a window too, counted here unless they were before.
        more = self.compared != self.rows
        alarm = more and found["status"] == "alarm"
        first = self.first_alarm
        return found | {
            "windows": self.windows + more,
            "alarms": self.alarms + alarm,
            "first_alarm_row": self.rows if alarm and first is None else first,
        }

    def _compare(self) -> dict[str, Any]:
        filled = min(self.rows, self.window)
        reference, psi = self.reference["quantities"], {}
        for name, kept in zip(self.names, self.bins, strict=True):
            counts = reference[name]["counts"]
            now = np.bincount(kept[:filled], minlength=len(counts))
            psi[name] = round(stability_index(np.array(counts), now), 4)
        bins = max((len(v["counts"]) for v in reference.values()), default=2)
        limit = psi_limit(self.reference["rows"], filled, bins, len(psi))
        drifted = sorted((k for k in psi if psi[k] > limit), key=lambda k: -psi[k])
        found = {
            "status": "alarm" if drifted else "ok",
            "rows": filled,
            "reference_rows": self.reference["rows"],
            "psi": psi,
            "psi_limit": round(limit, 4),
            "drifted": drifted,
        }
        if self.p_values is not None:
            calibrated = self.manifest.get("calibration", {}).get("n")
            distance = uniform_distance(self.p_values[:filled])
            most = ks_limit(filled, calibrated)
            found |= {
                "p_value_ks": round(distance, 4),
                "p_value_ks_limit": round(most, 4),
            }
            if distance > most:
                found["status"] = "alarm"
        return found


def stability_index(reference: np.ndarray, now: np.ndarray) -> float:
    """Population stability index of counts in the same bins.

    Half a row is added to every bin, so that an empty one is not infinitely far.

    Args:
        reference: `(bin,)`.
        now: `(bin,)`.

    Example:
        >>> stability_index(np.array([50, 50]), np.array([500, 500]))
        0.0
        >>> round(stability_index(np.array([500, 500]), np.array([800, 200])), 2)
        0.41
    """
    p, q = ((x + 0.5) / (x.sum() + 0.5 * len(x)) for x in (now, reference))
    return float(np.sum((p - q) * np.log(p / q)))


def psi_limit(reference_rows: int, rows: int, bins: int, quantities: int) -> float:
    """0.25, or what chance gives any of the quantities once in 10,000 windows.

    Args:
        reference_rows: Rows behind the reference.
        rows: Rows of the window.
        bins: Of a quantity.
        quantities: That are looked at together.

    Example:
        >>> psi_limit(1000, 1000, 10, 20)
        0.25
        >>> round(psi_limit(200, 100, 10, 20), 2)
        0.63
    """
    normal = NormalDist().inv_cdf(1 - CHANCE / max(quantities, 1))
    degrees = max(bins - 1, 1)
    # Wilson & Hilferty (1931): the cube root of chi squared is nearly normal.
    part = 2 / (9 * degrees)
    chi_squared = degrees * (1 - part + normal * math.sqrt(part)) ** 3
    return max(PSI_LIMIT, (1 / reference_rows + 1 / rows) * chi_squared)


def uniform_distance(p_values: np.ndarray) -> float:
    """Largest distance of the p-values' distribution from the uniform one.

    Args:
        p_values: `(row,)`, between 0 and 1.

    Example:
        >>> uniform_distance(np.array([0.25, 0.5, 0.75, 1.0]))
        0.25
    """
    ordered = np.sort(np.asarray(p_values, np.float64))
    steps = np.arange(len(ordered) + 1) / len(ordered)
    above, below = steps[1:] - ordered, ordered - steps[:-1]
    return float(max(above.max(), below.max()))


def ks_limit(rows: int, calibrated: int | None) -> float:
    """0.1, or what chance gives once in 10,000 windows (Smirnov 1948).

    Args:
        rows: Of the window.
        calibrated: Rows that the p-values are ranks among.

    Example:
        >>> round(ks_limit(1000, 200), 2)
        0.17
    """
    number = rows * calibrated / (rows + calibrated) if calibrated else rows
    return max(KS_LIMIT, math.sqrt(-math.log(CHANCE / 2) / 2 / number))


def told(report: Mapping[str, Any]) -> str:
    """A report in one line.

    Example:
        >>> told({"status": "too few rows", "rows": 12, "needed": 100})
        'drift: not judged, 12 rows of at least 100'
    """
    status = report["status"]
    if status == "no reference":
        return (
            "drift: no reference; kastro evaluate gives a run one, kastro export an "
            "artefact"
        )
    if status == "too few rows":
        return (
            f"drift: not judged, {report['rows']} rows of at least {report['needed']}"
        )
    named = report["drifted"][:3] or sorted(report["psi"], key=report["psi"].get)[-1:]
    parts = ", ".join(f"{report['psi'][name]:.2f} of {name}" for name in named)
    more = len(report["drifted"]) - 3
    parts = f"PSI {parts}" if named else "no quantity compared"
    parts += f" and {more} more" if more > 0 else ""
    parts += f" (limit {report['psi_limit']:.2f})"
    if "p_value_ks" in report:
        distance, most = report["p_value_ks"], report["p_value_ks_limit"]
        word = "not uniform" if distance > most else "uniform"
        parts += f", p-values {word} (KS {distance:.2f}, limit {most:.2f})"
    if not report["alarms"] and status == "ok":
        return f"drift: none in {report['rows']} rows; {parts}"
    windows = f"{report['alarms']} of {report['windows']} windows"
    where = f", first at row {report['first_alarm_row']}" if report["alarms"] else ""
    return (
        f"drift: ALARM in {windows}{where}; the last {report['rows']} rows: {parts}; "
        "thresholds may no longer hold"
    )
