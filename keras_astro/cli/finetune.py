"""kastro finetune."""

from pathlib import Path

import click

from keras_astro.cli.options import (
    json_option,
    overwrite_option,
    resume_option,
    run_folder,
    run_option,
    set_option,
)
from keras_astro.cli.output import EpochProgress, answer, load_tensorflow, story


@click.command()
@click.argument("parent", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--data",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Observed data; labels in it are not looked at. Repeatable.",
)
@click.option(
    "--labels",
    "labelled",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Observed rows whose labels are to be used. Repeatable.",
)
@click.option(
    "--train",
    "layers",
    multiple=True,
    metavar="LAYER",
    help="Layers to train on, by name, of a stellar run; * and ? stand for any "
    "characters. Repeatable. Default: finetune.layers of RUN.",
)
@run_option
@set_option
@resume_option
@overwrite_option
@json_option
def finetune(
    parent, paths, labelled, layers, folder, overrides, resume, overwrite, as_json
):
    """Move RUN to observed data, into a new run folder.

    Stellar runs need no labels and alerts do (--labels).

    RUN is a finished run of the case stellar or alerts, and stays as it is; its own
    data must still be there. Settings are those of RUN, and finetune.* among them.

    Example: kastro finetune runs/stellar-train-1 --data night.h5

    Example: kastro finetune runs/alerts-train-1 --data night.h5 --labels some.h5
    """
    from keras_astro.training.run import Run

    source_run = Run.open(parent)
    from keras_astro.inference.manifest import read_manifest

    manifest = read_manifest(parent)
    config = _config(source_run, manifest, paths, labelled, layers, overrides)
    load_tensorflow()
    from keras_astro.data.readers import open_many
    from keras_astro.tasks.catalog import get_task
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.training.finetune import finetune as fit

    task = get_task(config.task)
    target = run_folder(folder, f"{config.task}-finetune", resume=resume)
    _check_apart(target, parent)
    Run.check_place(target, resume=resume, overwrite=overwrite)
    observed = open_many(paths, task.schema)
    few = open_many(labelled, task.schema).read() if labelled else None
    source = open_rows(task, source_run.config, story=story)
    run = Run.create(target, config, resume=resume, overwrite=overwrite)
    story(f"fine-tuning {parent} on {len(observed)} rows into {run.path}")
    progress = EpochProgress()
    try:
        fit(
            task,
            source_run,
            run,
            source=source,
            observed=observed,
            labelled=few,
            progress=progress,
        )
    finally:
        progress.close()
    facts = read_manifest(run.path)["parent"]
    lines = [f"{name}: {value}" for name, value in facts.items()]
    text = "\n".join([str(run.path), *lines])
    text += f"\nmeasure it with: kastro evaluate {run.path} --data LABELLED"
    answer({"run": str(run.path), "parent": facts}, text, as_json=as_json)


def _check_apart(target, parent):
    """Refuses to write where the parent is: --overwrite would remove it."""
    from keras_astro.errors import UsageError

    ours, theirs = target.resolve(), parent.resolve()
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise UsageError(
            f"{target}: expected a new run folder apart from RUN, {parent}, which "
            "stays as it is",
            hint="Choose another folder with -o.",
        )


def _config(run, manifest, paths, labelled, layers, overrides):
    """The parent's settings with what is asked for on top."""
    import json

    from keras_astro.errors import UsageError
    from keras_astro.tasks.catalog import load_config

    if not hasattr(run.config, "finetune"):
        raise UsageError(
            f"{run.path}: a run of {run.config.task} cannot be fine-tuned",
            hint="kastro finetune knows the cases stellar and alerts.",
        )
    if layers and not hasattr(run.config.finetune, "layers"):
        raise UsageError(
            f"--train: chooses layers of stellar runs, and {run.path} is a run of "
            f"{run.config.task}",
            hint="Leave it out: all networks of such a run are moved.",
        )
    given = {
        "parent_sha256": manifest["model_sha256"],
        "observed": [str(path) for path in paths],
        "labelled": [str(path) for path in labelled],
    }
    if layers:
        given["layers"] = list(layers)
    texts = [f"finetune.{key}={json.dumps(value)}" for key, value in given.items()]
    return load_config(str(run.path / "config.yaml"), [*texts, *overrides])
