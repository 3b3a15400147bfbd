"""kastro runs list|show|compare."""

from pathlib import Path

import click

from keras_astro.cli.options import RUNS, json_option
from keras_astro.cli.output import answer, table


@click.group()
def runs():
    """List, show or compare runs."""


def _summary(run) -> dict:
    config = run.config
    return {
        "run": str(run.path),
        "task": config.task,
        "seed": config.seed,
        "finished": run.finished,
        "metrics": run.metrics,
    }


def _number(value) -> str:
    if isinstance(value, dict):
        return f"{value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


@runs.command("list")
@click.argument("folder", type=click.Path(path_type=Path), default=RUNS)
@json_option
def list_command(folder, as_json):
    """List the runs in FOLDER, newest last."""
    from keras_astro.training.run import list_runs

    found = [_summary(run) for run in list_runs(folder)]
    rows = [
        (r["run"], r["task"], r["seed"], "finished" if r["finished"] else "open")
        for r in found
    ]
    text = (
        table(rows, ("run", "task", "seed", "state")) if rows else f"{folder}: no runs"
    )
    answer({"runs": found}, text, as_json=as_json)


@runs.command()
@click.argument("run", type=click.Path(path_type=Path))
@json_option
def show(run, as_json):
    """Print a run's settings and metrics."""
    from keras_astro.training.run import Run

    opened = Run.open(run)
    content = _summary(opened) | {"config": opened.config.model_dump(mode="json")}
    rows = [(name, _number(value)) for name, value in content["metrics"].items()]
    text = f"{run}\n\n{opened.config.to_yaml()}\n{table(rows, ('metric', 'value'))}"
    answer(content, text, as_json=as_json)


@runs.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def compare(folders, as_json):
    """Print the metrics of several runs side by side, and where settings differ."""
    from keras_astro.config import flat_settings
    from keras_astro.training.run import Run

    opened = [Run.open(folder) for folder in folders]
    settings = [flat_settings(run.config.model_dump(mode="json")) for run in opened]
    keys = dict.fromkeys(key for flat in settings for key in flat)
    differ = [k for k in keys if len({str(flat.get(k)) for flat in settings}) > 1]
    metrics = sorted({name for run in opened for name in run.metrics})
    rows = [(key, *[flat.get(key, "-") for flat in settings]) for key in differ]
    rows += [
        (name, *[_number(run.metrics.get(name, "-")) for run in opened])
        for name in metrics
    ]
    answer(
        {
            "runs": [_summary(run) for run in opened],
            "different_settings": {k: [f.get(k) for f in settings] for k in differ},
        },
        table(rows, ("", *map(str, folders))),
        as_json=as_json,
    )
