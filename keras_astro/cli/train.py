"""kastro train."""

from pathlib import Path

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
    answer,
    load_tensorflow,
    story,
    table,
)


@click.command()
@click.argument("task_or_config")
@data_option
@click.option(
    "--from",
    "tuned",
    type=click.Path(path_type=Path),
    default=None,
    help="Take the best settings of a run of `kastro tune`.",
)
@click.option("--variational", is_flag=True, help="Train a variational autoencoder.")
@click.option(
    "--contractive",
    type=click.FloatRange(0),
    default=None,
    metavar="WEIGHT",
    help="Weight of the Jacobian penalty.",
)
@click.option(
    "--strategy",
    type=click.Choice(["auto", "cpu", "mirrored", "multiworker"]),
    default=None,
    help="One device, all devices of this machine, or the processes of TF_CONFIG.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print the settings and sizes, train nothing."
)
@run_option
@seed_option
@set_option
@resume_option
@overwrite_option
@json_option
def train(
    task_or_config,
    paths,
    tuned,
    variational,
    contractive,
    strategy,
    dry_run,
    folder,
    seed,
    overrides,
    resume,
    overwrite,
    as_json,
):
    """Train TASK, or a configuration file, into a run folder.

    Example: kastro train lensing --data lenses.zip -o runs/mine
    """
    if tuned:
        _check_task(task_or_config, tuned)
    config = resolve(
        str(tuned / "best.yaml") if tuned else task_or_config,
        overrides,
        paths,
        seed=seed,
        model__variational=variational or None,
        objective__contractive=contractive,
        train__strategy=strategy,
    )
    chief = _check_strategy(config, folder)
    if dry_run:
        load_tensorflow()
        _show(config, as_json)
        return
    load_tensorflow()
    from keras_astro.tasks.catalog import get_task
    from keras_astro.training.run import Run
    from keras_astro.training.strategy import Team
    from keras_astro.training.train import train as fit

    task = get_task(config.task)
    target = run_folder(folder, f"{config.task}-train", resume=resume)
    if chief:
        Run.check_place(target, resume=resume, overwrite=overwrite)
    team = Team.of(config.train)
    if not team.chief:
        team.barrier()
        fit(task, _rows(task, config, quiet=True), Run.open(target), team=team)
        return
    source = _rows(task, config)
    run = Run.create(target, config, resume=resume, overwrite=overwrite)
    shared = f" on {team.replicas} replicas" if team.replicas > 1 else ""
    story(f"training into {run.path}{shared}")
    team.barrier()
    progress = EpochProgress()
    try:
        fit(task, source, run, progress=progress, team=team)
    finally:
        progress.close()
    content, text = measured(run)
    answer(content, text, as_json=as_json)


def _rows(task, config, *, quiet=False):
    from keras_astro.tasks.default_data import open_rows

    if quiet:
        return open_rows(task, config, story=lambda text: None)
    return open_rows(task, config, story=story, progress=RowProgress("simulating"))


def _check_strategy(config, folder):
    """Refuses what a strategy cannot keep; whether this process writes."""
    import os

    from keras_astro.errors import UsageError
    from keras_astro.training.cluster import check_settings, find_cluster

    strategy = config.train.strategy
    check_settings(config.train, strategy)
    if strategy != "multiworker":
        return True
    cluster = find_cluster(os.environ)
    check_settings(config.train, strategy, replicas=len(cluster.addresses))
    if folder is None:
        raise UsageError(
            f"{len(cluster.addresses)} workers need one run folder that all of them "
            "know",
            hint="Name it with -o, on a disk that every worker sees.",
        )
    return cluster.chief


def _check_task(task, tuned):
    from keras_astro.errors import UsageError
    from keras_astro.tasks.catalog import load_config

    found = load_config(str(tuned / "best.yaml")).task
    if task != found:
        raise UsageError(
            f"--from {tuned} is a search for {found}, not for {task}",
            hint=f"Call: kastro train {found} --from {tuned}",
        )


def _show(config, as_json):
    from keras_astro.tasks.catalog import get_task
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.training.plan import plan

    task = get_task(config.task)
    source = open_rows(task, config, story=story, progress=RowProgress("simulating"))
    found = plan(task, config, source)
    counts = ", ".join(f"{name} {count}" for name, count in found["rows"].items())
    first = next(iter(found["stages"].values()))
    stages = [(name, *stage.values()) for name, stage in found["stages"].items()]
    answer(
        {"config": config.model_dump(mode="json"), "plan": found},
        f"{config.to_yaml()}\nrows: {counts}\n{table(stages, ('stage', *first))}",
        as_json=as_json,
    )
