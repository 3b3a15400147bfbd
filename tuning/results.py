"""What a search leaves behind: leaderboard, best settings, page and figure."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from keras_astro.config import RunConfig, TuneConfig
from keras_astro.evaluation.style import save
from keras_astro.training.files import write_json, write_text
from keras_astro.tuning import repeats
from keras_astro.tuning.axes import make_axes
from keras_astro.tuning.figure import parallel_coordinates
from keras_astro.tuning.objectives import front
from keras_astro.tuning.page import page
from keras_astro.tuning.pareto_figure import pareto
from keras_astro.tuning.records import SearchResult, TrialRecord, ranked
from keras_astro.tuning.spaces import SearchSpace

SCHEMA_VERSION = 1


def write_leaderboard(
    folder: Path, config: RunConfig, space: SearchSpace, records: list[TrialRecord]
) -> None:
    """Writes `leaderboard.csv` and `leaderboard.json`, best trial first.

    Trials that failed or still run come last, without a rank.
    """
    rows = leaderboard(records, config.tune)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "leaderboard.csv", text.getvalue())
    content = {
        "schema_version": SCHEMA_VERSION,
        "task": config.task,
        "oracle": config.tune.oracle,
        "direction": "min",
        "objectives": list(config.tune.objectives),
        "seed": config.seed,
        "space": space.describe(),
        "trials": [_nested(row, space) for row in rows],
    }
    if config.tune.seeds > 1:
        content["repeats"] = [
            _row(repeat, None, TuneConfig()) | {"repeats": record.number}
            for record in records
            for repeat in record.repeats
        ]
    write_json(folder / "leaderboard.json", content)


def leaderboard(
    records: list[TrialRecord], tune: TuneConfig | None = None
) -> list[dict[str, Any]]:
    """One flat row a trial, best quality first.

    Where there are several objectives, `pareto` says whether a trial is on the front.
    Where the best are trained again with other seeds, there are the mean and standard
    deviation of their objective and, in the end, a `choice`. `continues` is the trial
    whose settings this one trains for longer, from the start.

    Example:
        >>> record = TrialRecord(1, "completed", {"a.b": 2}, objective=0.5, epochs=9)
        >>> row = leaderboard([record])[0]
        >>> row["rank"], row["objective"], row["a.b"]
        (1, 0.5, 2)
    """
    tune = tune or TuneConfig()
    best = ranked(records)
    rest = [record for record in records if record not in best]
    rows = [_row(record, i + 1, tune) for i, record in enumerate(best)]
    if len(tune.objectives) > 1:
        members = {record.number for record in front(records, tune.objectives)}
        rows = [
            {"rank": row["rank"], "pareto": row["trial"] in members, **row}
            for row in rows
        ]
    named = repeats.verdicts(records, tune)
    for row in rows:
        if "choice" in row:
            row["choice"] = named.get(row["trial"])
    return rows + [_row(record, None, tune) for record in rest]


def _row(record: TrialRecord, rank: int | None, tune: TuneConfig) -> dict[str, Any]:
    return {
        "rank": rank,
        "trial": record.number,
        "status": record.status,
        "objective": record.objective,
        **(repeats.columns(record) if tune.seeds > 1 else {}),
        **record.metrics,
        **{key: _plain(value) for key, value in record.values.items()},
        "epochs": record.epochs,
        "continues": record.parent,
        "seconds": record.seconds,
        "seed": record.seed,
        "reason": record.reason,
    }


def _plain(value: Any) -> Any:
    return "-".join(map(str, value)) if isinstance(value, tuple) else value


def _nested(row: dict[str, Any], space: SearchSpace) -> dict[str, Any]:
    keys = {dimension.key for dimension in space.dimensions}
    return {k: v for k, v in row.items() if k not in keys} | {
        "values": {k: v for k, v in row.items() if k in keys}
    }


def write_results(result: SearchResult) -> None:
    """Writes everything a finished search leaves in its folder."""
    records = list(result.records)
    write_leaderboard(result.folder, result.config, result.space, records)
    write_text(result.folder / "best.yaml", result.best_config.to_yaml())
    axes = make_axes(result.space, records)
    save(
        parallel_coordinates(axes, records, result.best),
        result.folder / "plots" / "parallel_coordinates.png",
    )
    if result.front:
        save(pareto(result), result.folder / "plots" / "pareto.png")
    write_text(result.folder / "tuning.html", page(result, axes))
