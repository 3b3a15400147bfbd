"""Verdicts: does the network beat its baselines, said plainly and with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_astro.errors import DataError
from keras_astro.metrics import Interval

KINDS = ("pass", "fail", "note")


@dataclass(frozen=True)
class Verdict:
    """One sentence that a reader must not miss.

    Attributes:
        kind: "pass", "fail" or "note" (neither good nor bad, or not decided).
        text: The sentence.
    """

    kind: str
    text: str

    def __post_init__(self):
        if self.kind not in KINDS:
            raise DataError(
                f"verdict: expected one of {', '.join(KINDS)}, received {self.kind!r}",
                hint="Use note for what is neither good nor bad.",
            )


def of_leaks(fraction: float) -> list[Verdict]:
    """Warns of test rows whose objects were trained on; nothing where none was.

    Args:
        fraction: Of the test rows.

    Example:
        >>> of_leaks(0.25)[0].text[:48]
        '25 % of these rows are of objects trained on (by'
        >>> of_leaks(0.0)
        []
    """
    if not fraction:
        return []
    text = (
        f"{100 * fraction:.3g} % of these rows are of objects trained on (by their "
        "ids): figures are better than those of rows never seen."
    )
    return [Verdict("note", text)]


def against_baselines(
    metrics: Mapping,
    metric: str,
    baselines: Sequence[str] | Mapping[str, str],
    *,
    label: str | None = None,
    higher_is_better: bool = True,
) -> list[Verdict]:
    """Compares a metric with its baselines, found as `<metric>_<baseline>`.

    A win counts when it is larger than the uncertainty: against intervals, those must
    not overlap; of a metric without interval the value alone is compared.

    Args:
        metrics: Name to number or `Interval`.
        metric: Name of the network's metric.
        baselines: Names of the baselines, e.g. `["pca", "tangent"]`, or name to label.
        label: How to call the metric in the sentence; its name by default.
        higher_is_better: False for errors and losses.

    Raises:
        DataError: If the metric or one of its baselines was not measured.

    Example:
        >>> found = {"auc": Interval(0.99, 0.98, 1.0), "auc_pca": 0.8}
        >>> against_baselines(found, "auc", ["pca"])[0].text
        'auc: the network (0.99 [0.98, 1]) beats pca (0.8).'
    """
    labels = baseline_labels(baselines)
    names = [metric, *(f"{metric}_{baseline}" for baseline in labels)]
    missing = [name for name in names if name not in metrics]
    if missing:
        raise DataError(
            f"verdict on {metric}: {', '.join(missing)} not among the metrics measured",
            hint=f"Put {missing[0]} into the metrics, or leave it out of the "
            "baselines.",
        )
    ours = _interval(metrics[metric])
    verdicts = []
    for baseline, pretty in labels.items():
        theirs = _interval(metrics[f"{metric}_{baseline}"])
        kind, verb = _compare(ours, theirs, higher_is_better)
        text = (
            f"{label or metric}: the network ({_said(metrics[metric])}) {verb}"
            f" {pretty} ({_said(metrics[f'{metric}_{baseline}'])})."
        )
        verdicts.append(Verdict(kind, text))
    return verdicts


def baseline_labels(baselines: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Returns baselines as name to label; a name alone is its own label.

    Example:
        >>> baseline_labels(["ring_radius"])
        {'ring_radius': 'ring radius'}
    """
    if isinstance(baselines, Mapping):
        return dict(baselines)
    return {name: name.replace("_", " ") for name in baselines}


def paired_verdict(
    difference: Interval, *, baseline: str, label: str = "AUC"
) -> Verdict:
    """Verdict from a paired difference (network minus baseline, higher is better).

    Example:
        >>> paired_verdict(Interval(0.1, 0.05, 0.15), baseline="PCA").kind
        'pass'
    """
    said = f"{difference.value:+.4g} [{difference.low:+.4g}, {difference.high:+.4g}]"
    if difference.low > 0:
        return Verdict("pass", f"{label}: the network beats {baseline} by {said}.")
    if difference.high < 0:
        text = f"{label}: the network does not beat {baseline}: it is worse by {said}."
        return Verdict("fail", text)
    text = f"{label}: the network does not clearly beat {baseline}: {said}."
    return Verdict("note", text)


def _compare(ours: Interval, theirs: Interval, higher: bool) -> tuple[str, str]:
    clear = ours.low > theirs.high if higher else ours.high < theirs.low
    if clear:
        return "pass", "beats"
    better = ours.value > theirs.value if higher else ours.value < theirs.value
    if better:
        return "note", "is better than, but within the uncertainty of,"
    return "fail", "does NOT beat"


def _interval(value) -> Interval:
    if isinstance(value, Mapping):
        return Interval(**value)
    if isinstance(value, Interval):
        return value
    return Interval(float(value), float(value), float(value))


def _said(value) -> str:
    return str(_interval(value)) if _has_ends(value) else f"{float(value):.4g}"


def _has_ends(value) -> bool:
    return isinstance(value, Interval | Mapping)
