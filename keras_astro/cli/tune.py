"""kastro tune."""

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

SHOWN = 5


@click.command()
@click.argument("task_or_config")
@data_option
@click.option("--trials", type=click.IntRange(1), default=None, help="Settings to try.")
@click.option(
    "--oracle",
    type=click.Choice(["hyperband", "bayesian", "random", "grid"]),
    default=None,
    help="Who chooses them. Default: hyperband.",
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
    ends as a trained, evaluated run with a leaderboard.

    Example: kastro tune lensing --trials 12
    """
    config = resolve(task_or_config, overrides, paths, seed=seed)
    load_tensorflow()
    from keras_astro.tasks.catalog import get_task
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.training.run import Run
    from keras_astro.tuning.tune import tune as search_and_train

    task = get_task(config.task)
    target = run_folder(folder, f"{config.task}-tune", resume=resume)
    Run.check_place(target, resume=resume, overwrite=overwrite)
    source = open_rows(task, config, story=story, progress=RowProgress("simulating"))
    story(f"tuning into {target}")
    epochs = EpochProgress()
    try:
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
        )
    finally:
        epochs.close()
    content, text = measured(Run.open(target))
    best = {**result.best.values, "objective": result.best.objective}
    answer(
        {**content, "best": best, "trials": len(result.records)},
        f"{_leaders(result)}\n\nsearch: {target / 'tuning.html'}\n{text}",
        as_json=as_json,
    )


def _leaders(result) -> str:
    keys = [dimension.key for dimension in result.space.dimensions]
    rows = [
        (record.number, f"{record.objective:.4g}", *[record.values[k] for k in keys])
        for record in result.ranking[:SHOWN]
    ]
    return table(rows, ("trial", "objective", *[key.split(".")[-1] for key in keys]))
