"""What trainings with other seeds say of the best trials: rows, and a section."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from keras_astro.config import TuneConfig
from keras_astro.tuning.axes import text
from keras_astro.tuning.objectives import candidates, choose, rivals, tied
from keras_astro.tuning.records import SearchResult, TrialRecord

CHOSEN, TIED = "chosen", "tied"

ALL_FAILED = "all trainings with other seeds failed; chosen by the search alone"


def verdicts(records: Sequence[TrialRecord], tune: TuneConfig) -> dict[int, str]:
    """Which trial is `chosen` over its seeds and which are `tied` with it, by number.

    Empty until every candidate was trained with all of its seeds, and where all of
    these trainings failed.
    """
    if tune.seeds < 2 or not records:
        return {}
    found = candidates(records, tune)
    ended = [sum(r.status != "running" for r in record.repeats) for record in found]
    if not found or min(ended) < tune.seeds:
        return {}
    best = choose(records, tune)
    if best.mean is None:
        return {}
    named = {record.number: TIED for record in tied(records, tune)}
    return named | {best.number: CHOSEN}


def columns(record: TrialRecord) -> dict[str, Any]:
    """Of the leaderboard: mean and sd over seeds, and room for a verdict."""
    return {
        "objective_mean": record.mean,
        "objective_sd": record.sd,
        "seeds": len(record.objectives) or None,
        "choice": None,
    }


def told(result: SearchResult) -> str:
    """The outcome in a sentence; empty where nothing was trained again."""
    best, tune = result.best, result.config.tune
    if best.mean is None:
        again = any(r.repeats for r in candidates(result.records, tune))
        return ALL_FAILED if again else ""
    spread = "" if best.sd is None else f" +- {best.sd:.2g}"
    same = [record.number for record in tied(result.records, tune)]
    outcome = (
        f"trial {best.number} over {len(best.objectives)} other seeds: objective "
        f"{best.mean:.4g}{spread} (in the search {_searched(best, tune.epochs)})"
    )
    if same:
        return f"{outcome}; not to be told from it: {', '.join(map(str, same))}"
    if rivals(result.records, tune):
        return f"{outcome}; told apart from all others with a mean over seeds"
    return outcome


def section(result: SearchResult) -> str:
    """A table of the candidates for the page; empty where nothing was trained again."""
    tune = result.config.tune
    found = [r for r in candidates(result.records, tune) if r.repeats]
    if not found:
        return ""
    named = verdicts(result.records, tune)
    found.sort(key=lambda r: (r.mean is None, r.mean))
    heads = ("trial", "in the search", "mean", "sd", "each seed", "")
    head = "".join(f"<th>{name}</th>" for name in heads)
    rows = "".join(
        _row(record, named.get(record.number, ""), tune.epochs) for record in found
    )
    rule = (
        f"{_again(len(found))} with {tune.seeds} seeds of "
        f"weights and order that the search had not used, for {_epochs(tune.epochs)}. "
        "The lowest mean is chosen"
        + ("" if len(tune.objectives) == 1 else " in place of the lowest objective")
        + "; the search's own value, one training's by which a trial was picked, is "
        "not in it. What to expect of the settings is the mean. Tied: Welch's test "
        "at 5 % cannot tell the means apart."
    )
    if all(record.mean is None for record in found):
        rule = f"{ALL_FAILED[0].upper()}{ALL_FAILED[1:]}."
    return (
        f'<section aria-label="Several seeds"><h2>Several seeds</h2>'
        f'<p>{escape(rule)}</p><div class="scroll"><table class="few"><thead>'
        f"<tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _again(number: int) -> str:
    if number == 1:
        return "The best was trained again,"
    return f"The best {number} were trained again, each"


def _epochs(number: int) -> str:
    return "1 epoch" if number == 1 else f"{number} epochs"


def _searched(record: TrialRecord, epochs: int) -> str:
    """The search's own value, with its epochs where they were others."""
    found = text(record.objective)
    if record.epochs == epochs:
        return found
    return f"{found} after {_epochs(record.epochs)}"


def _row(record: TrialRecord, verdict: str, epochs: int) -> str:
    each = [
        text(r.objective) if r.status == "completed" else r.status
        for r in record.repeats
    ]
    cells = [
        str(record.number),
        _searched(record, epochs),
        "" if record.mean is None else text(record.mean),
        "" if record.sd is None else f"{record.sd:.2g}",
        ", ".join(each),
        verdict,
    ]
    marked = ' class="chosen"' if verdict == CHOSEN else ""
    return f"<tr{marked}>" + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>"
