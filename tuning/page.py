"""The interactive page of a search: one file that needs no network."""

from __future__ import annotations

import json
from html import escape
from string import Template
from typing import Any

from keras_astro.tuning import repeats
from keras_astro.tuning.axes import Axis, text, value_of
from keras_astro.tuning.figure import height, ticks
from keras_astro.tuning.objectives import value
from keras_astro.tuning.page_script import SCRIPT
from keras_astro.tuning.page_style import CSS
from keras_astro.tuning.records import SearchResult, TrialRecord

_CHOSEN = ' class="chosen"'

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$css</style>
</head>
<body>
<header><div class="wide">
<h1>$title</h1>
<p>$summary</p>
</div></header>
<main class="wide">
<section aria-label="Best settings">
<h2>Best settings</h2>
<dl class="facts">$best</dl>
</section>
$seeds
$front
<section aria-label="Parallel coordinates">
<h2>All trials</h2>
<div class="bar">
<label id="choice">Rounds <select id="rounds"></select></label>
<label>Colour by <select id="colour"></select></label>
<span class="ramp"><span>best</span><canvas id="ramp" width="120" height="10">
</canvas><span>worst</span></span>
<span id="count" role="status"></span>
<button id="clear" type="button">Clear filters</button>
</div>
<div id="chart"></div>
<p class="hint">Drag along an axis to keep the trials inside; click the axis to let
all through again. Point at a line or at a row of the table to see one trial. Results
stand in bold at the right.<span id="dashes" hidden> Dashed are trials of fewer epochs,
whose results do not compare with those of more.</span></p>
</section>
<section aria-label="Table of trials">
<h2>Leaderboard</h2>
<div class="scroll"><table id="table"></table></div>
</section>
$failed
</main>
<footer class="wide">Written by keras-astro. This file needs no network and no other
file; the same numbers are in <code>leaderboard.csv</code>.</footer>
<script type="application/json" id="data">$data</script>
<script>$script</script>
</body>
</html>
""")


def page(result: SearchResult, axes: list[Axis]) -> str:
    """Returns the page as HTML.

    Args:
        result: The search.
        axes: What stands on the vertical axes, left to right.
    """
    tune = result.config.tune
    completed = result.ranking
    longer = {record.parent for record in completed}
    members = {record.number for record in result.front}
    failed = [r for r in result.records if r.status == "failed"]
    pruned = sum(record.status == "pruned" for record in result.records)
    seconds = sum(
        record.seconds for one in result.records for record in (one, *one.repeats)
    )
    summary = (
        f"{len(completed)} trials by {tune.oracle} search in {_duration(seconds)}"
        f"{f', {len(failed)} failed' if failed else ''}"
        f"{f', {pruned} stopped early' if pruned else ''}. The objective is "
        f"{result.space.objective}; lower is better.{_fixed(result)}"
    )
    content = {
        "axes": [_axis(axis) for axis in axes],
        "trials": [
            _trial(record, axes)
            | {
                "front": record.number in members,
                "chosen": record.number == result.best.number,
                "last": record.number not in longer or record == result.best,
            }
            for record in completed
        ],
    }
    return _PAGE.substitute(
        title=escape(f"Search of {result.config.task} settings"),
        css=CSS,
        summary=escape(summary),
        best=_best(result),
        seeds=repeats.section(result),
        front=_front(result),
        failed=_failed(failed),
        data=_embedded(content),
        script=SCRIPT,
    )


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "key": axis.key,
        "section": axis.section,
        "name": axis.name,
        "kind": axis.kind,
        "ticks": ticks(axis),
    }


def _trial(record: TrialRecord, axes: list[Axis]) -> dict[str, Any]:
    values = [value_of(record, axis.key) for axis in axes]
    return {
        "number": record.number,
        "epochs": record.epochs,
        "heights": [height(a, v) for a, v in zip(axes, values, strict=True)],
        "texts": ["" if v is None else text(v) for v in values],
        "note": f"trial {record.number}, {record.seconds:.0f} s"
        + (f", trial {record.parent} for longer" if record.parent else ""),
    }


def _best(result: SearchResult) -> str:
    best = result.best
    facts = {"trial": best.number, "objective": best.objective}
    facts |= best.metrics | best.values
    return "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(text(found))}</dd></div>"
        for key, found in facts.items()
    )


def _fixed(result: SearchResult) -> str:
    """What was not searched because its value was asked for, in a sentence."""
    given = [f"{key} = {value}" for key, value in result.space.fixed_texts.items()]
    return f" Not searched, as asked: {', '.join(given)}." if given else ""


def _front(result: SearchResult) -> str:
    if not result.front:
        return ""
    tune = result.config.tune
    head = "".join(f"<th>{escape(n)}</th>" for n in ("trial", *tune.objectives))
    rows = "".join(
        f"<tr{_CHOSEN if record == result.best else ''}><td>{record.number}</td>"
        + "".join(f"<td>{text(value(record, n))}</td>" for n in tune.objectives)
        + "</tr>"
        for record in result.front
    )
    rule = (
        f"No other trial is at least as good in {', '.join(tune.objectives)} and "
        "better in one of them. Of those whose quality is within "
        f"{100 * tune.quality_slack:g} % of the best, the one of the lowest "
        f"{tune.objectives[1]} was chosen and is marked. Latency is in ms and size in "
        f"kB, of the {tune.quantize} TFLite file on one thread; lower is better."
    )
    return (
        f'<section aria-label="Trade-off"><h2>Trade-off</h2><p>{escape(rule)}</p>'
        f'<div class="scroll"><table class="few"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _failed(records: list[TrialRecord]) -> str:
    if not records:
        return ""
    items = "".join(
        f"<li>Trial {record.number}: {escape(record.reason)}</li>" for record in records
    )
    return f"<section><h2>Failed trials</h2><ul>{items}</ul></section>"


def _embedded(content: dict[str, Any]) -> str:
    # A closing tag inside a text would end the script.
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
