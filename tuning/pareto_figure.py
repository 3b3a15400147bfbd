"""The trade-off figure of a search with several objectives."""

from __future__ import annotations

from collections.abc import Sequence

from keras_astro.evaluation.style import (
    GREY,
    INK,
    MIST,
    VERMILION,
    new_figure,
    plain_log_ticks,
    styled,
)
from keras_astro.tuning.objectives import value
from keras_astro.tuning.records import SearchResult, TrialRecord

LABELS = {
    "quality": "objective of quality, lower is better",
    "latency": "latency of one row on one thread (ms)",
    "size": "size of the file (kB)",
}


@styled
def pareto(result: SearchResult):
    """Draws quality against each other objective, the front marked and joined.

    Args:
        result: A search with several objectives.

    Returns:
        A Matplotlib figure.
    """
    names = result.config.tune.objectives[1:]
    figure, panels = new_figure(
        1, len(names), width=1.2 + 5.4 * len(names), height=4.4, squeeze=False
    )
    handles = [
        _draw(panel, result, n) for panel, n in zip(panels[0], names, strict=True)
    ]
    panels[0, 0].set_ylabel(LABELS["quality"])
    figure.legend(handles=handles[0], loc="outside lower center", ncols=3)
    return figure


def _draw(panel, result: SearchResult, name: str) -> list:
    best, members = result.ranking, result.front
    rest = [record for record in best if record not in members]

    def xy(records: Sequence[TrialRecord]):
        return [value(r, name) for r in records], [r.objective for r in records]

    line = sorted(members, key=lambda record: (value(record, name), record.objective))
    if len(result.config.tune.objectives) == 2:
        panel.plot(*xy(line), color=VERMILION, drawstyle="steps-post", linewidth=1.4)
    other = panel.scatter(
        *xy(rest), s=34, color=MIST, edgecolor=GREY, label="other trials"
    )
    on = panel.scatter(
        *xy(members), s=52, color=VERMILION, zorder=3, label="not dominated"
    )
    # Room for the numbers, which stand below and to the left.
    panel.margins(0.1)
    chosen = panel.scatter(
        *xy([result.best]),
        s=190,
        facecolor="none",
        edgecolor=INK,
        linewidth=1.6,
        zorder=4,
        label="chosen for best.yaml",
    )
    for record in members:
        panel.annotate(
            str(record.number),
            (value(record, name), record.objective),
            xytext=(-6, -13),
            textcoords="offset points",
            ha="right",
            fontsize=8.5,
        )
    panel.set_xlabel(LABELS[name])
    values = [value(record, name) for record in best]
    if max(values) > 3 * min(values):
        panel.set_xscale("log")
        plain_log_ticks(panel.xaxis)
    qualities = [record.objective for record in best]
    if min(qualities) > 0 and max(qualities) > 5 * min(qualities):
        panel.set_yscale("log")
        plain_log_ticks(panel.yaxis)
    return [on, other, chosen]
