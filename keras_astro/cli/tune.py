"""kastro tune."""

import contextlib
import functools

import click

from keras_astro.cli.measured import measured
from keras_astro.cli.options import (
    data_option,
    json_option,
    overwrite_option,
    resolve,
    resume_option,
    run_folder,
    run_option,
    seed_option,
    set_option,
)
from keras_astro.cli.output import (
    EpochProgress,
    RowProgress,
    SearchLines,
    answer,
    load_tensorflow,
    story,
    table,
)
from keras_astro.errors import UsageError

SHOWN = 5


@click.command()
@click.argument("task_or_config")
@data_option
@click.option("--trials", type=click.IntRange(1), default=None, help="Settings to try.")
@click.option(
    "--oracle",
    type=click.Choice(["hyperband", "bayesian", "random", "grid"]),
    default=None,
    help="Who chooses them. Default: the case's own (hyperband; grid for cgm).",
)
@click.option(
    "--objective",
    "objectives",
    default=None,
    callback=lambda context, option, value: value and value.split(","),
    metavar="NAMES",
    help="quality, or quality,latency,size: what is traded off, with commas.",
)
@click.option(
    "--prune", is_flag=True, help="Stop trials that are far behind at the same epoch."
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=None,
    help="Train the best trials again with that many seeds and choose by their mean.",
)
@click.option(
    "--top",
    type=click.IntRange(1),
    default=None,
    help="How many trials --seeds trains again. Default: 3.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=None,
    help="Run trials in that many processes of this machine.",
)
@click.option(
    "--chief",
    default=None,
    metavar="HOST:PORT",
    help="Where the chief listens, for workers on other machines.",
)
@click.option(
    "--worker-id",
    default=None,
    metavar="NAME",
    help="Be a worker of the search in RUN, whose chief listens at --chief.",
)
@run_option
@seed_option
@set_option
@resume_option
@overwrite_option
@json_option
def tune(
    task_or_config,
    paths,
    trials,
    oracle,
    objectives,
    prune,
    seeds,
    top,
    workers,
    chief,
    worker_id,
    folder,
    seed,
    overrides,
    resume,
    overwrite,
    as_json,
):
    """Search the settings of TASK, then train the best ones to the end.

    The search never sees an anomaly label: it minimises held-out reconstruction error
    and maximises the detection of anomalies that it injects itself. The run folder
    ends as a trained, evaluated run with a leaderboard. With several objectives each
    trial's TFLite file is timed and weighed, and the trials that no other one beats in
    all of them are marked. With --seeds the best trials are trained again, so that the
    choice does not hang on the luck of one.

    What --set says of a searched setting holds in all trials; a value in a YAML file
    is where the search begins.

    Example: kastro tune lensing --trials 12 --seeds 3 --top 3
    """
    if worker_id is not None:
        return _work(folder, chief, worker_id)
    config = resolve(
        task_or_config,
        overrides,
        paths,
        seed=seed,
        tune__objectives=objectives,
        tune__prune=prune or None,
        tune__seeds=seeds,
        tune__top=top,
    )
    load_tensorflow()
    from keras_astro.tasks.catalog import get_task
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.training.run import Run
    from keras_astro.tuning.tune import tune as search_and_train

    target = run_folder(folder, f"{config.task}-tune", resume=resume)
    config = _fixed(config, overrides, target if resume else None)
    task = get_task(config.task)
    Run.check_place(target, resume=resume, overwrite=overwrite)
    source = open_rows(task, config, story=story, progress=RowProgress("simulating"))
    story(f"tuning into {target}")
    with contextlib.closing(EpochProgress()) as epochs:
        result = search_and_train(
            task,
            source,
            target,
            config,
            oracle=oracle,
            trials=trials,
            resume=resume,
            overwrite=overwrite,
            progress=SearchLines(),
            train_progress=epochs,
            convert=_converter(config),
            team=_team(config.task, target, workers, chief),
            story=story,
        )
    _answer(result, *measured(Run.open(target)), as_json=as_json)


def _fixed(config, overrides, resumed):
    """The configuration with what was said of searched settings not searched.

    Unless the search in the folder to be resumed is of a version that searched them.
    """
    from keras_astro.config import flat_settings, set_values
    from keras_astro.tuning.hypermodel import with_values
    from keras_astro.tuning.places import searches_all
    from keras_astro.tuning.spaces import space

    said = flat_settings(set_values({}, overrides))
    fixed = [key for key in space(config.task).keys if key in said]
    if fixed and resumed is not None and searches_all(resumed):
        story(
            f"{resumed}: was begun by a version that searched what --set gave, from "
            f"that value on, and goes on so: {', '.join(fixed)}"
        )
        return config
    both = dict.fromkeys([*config.tune.fixed, *fixed])
    config = with_values(config, {"tune.fixed": tuple(both)})
    # Refuses what leaves nothing to search, before any row is simulated.
    space(config.task).around(config)
    return config


def _answer(result, content, text, *, as_json) -> None:
    from keras_astro.tuning.repeats import told

    best = {**result.best.values, "objective": result.best.objective}
    if result.best.mean is not None:
        best |= {"objective_mean": result.best.mean, "objective_sd": result.best.sd}
    seeds = f"\n{said}" if (said := told(result)) else ""
    answer(
        {**content, "best": best, "trials": len(result.records)},
        f"{_leaders(result)}{seeds}\n\nsearch: {result.folder / 'tuning.html'}\n{text}",
        as_json=as_json,
    )


def _converter(config):
    from keras_astro.exports.tflite import convert

    return functools.partial(convert, quantize=config.tune.quantize, rows={})


def _team(task_name, target, workers, chief):
    """The team asked for; none for trials in this process."""
    if workers is None and chief is None:
        return None
    from keras_astro.tuning.team import Team, kastro_worker

    listening = {"address": chief} if chief else {}
    command = kastro_worker(task_name, target)
    return Team(workers=workers or 0, command=command, **listening)


def _work(folder, chief, worker_id) -> None:
    if folder is None or chief is None:
        raise UsageError(
            "a worker needs the run folder of its search and the address of its chief",
            hint="Call: kastro tune TASK -o RUN --chief HOST:PORT --worker-id NAME",
        )
    load_tensorflow()
    from keras_astro.tasks.catalog import get_task
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.tuning.places import search_config
    from keras_astro.tuning.worker import work

    config = search_config(folder)
    task = get_task(config.task)
    source = open_rows(task, config, story=story)
    convert = _converter(config)
    work(task, source, folder, chief=chief, worker_id=worker_id, convert=convert)


def _leaders(result) -> str:
    keys = [dimension.key for dimension in result.space.dimensions]
    costs = [n for n in ("latency_ms", "size_kb") if n in result.best.metrics]
    shown = list(result.front or result.ranking[:SHOWN])
    means = ["mean", "sd"] if result.best.mean is not None else []
    rows = [
        (
            record.number,
            f"{record.objective:.4g}",
            *[_number(getattr(record, name)) for name in means],
            *[f"{record.metrics[name]:.4g}" for name in costs],
            *[record.values[key] for key in keys],
        )
        for record in shown
    ]
    names = [key.split(".")[-1] for key in keys]
    return table(rows, ("trial", "objective", *means, *costs, *names))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
