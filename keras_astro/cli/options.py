"""Options that several verbs share."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click


class ArtefactPath(click.Path):
    """A path to a run or an artefact, or `preset:NAME`."""

    def __init__(self):
        super().__init__(path_type=Path)

    def convert(self, value, param, ctx):
        if str(value).startswith("preset:"):
            from keras_astro.inference.presets import resolve_preset

            value = resolve_preset(value)
        return super().convert(value, param, ctx)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the answer as one JSON object."
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), default=None, help="Seed of everything random."
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a setting, e.g. --set train.epochs=50. Repeatable.",
)
data_option = click.option(
    "--data",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Store (.h5), folder or zip of images, FITS, .npz, TFRecord, or a folder or "
    "quoted pattern of shards. Repeatable. Without it, those of the settings "
    "(data.paths) or the task's simulated default set.",
)
drift_option = click.option(
    "--drift-window",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Rows that are compared at a time with those the model was made for.",
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace the output where it exists."
)
resume_option = click.option(
    "--resume",
    is_flag=True,
    help="Go on where the same command was stopped; settings must be the same.",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes of this machine; the result does not depend on it.",
)
scheduler_option = click.option(
    "--scheduler",
    default=None,
    metavar="tcp://HOST:PORT",
    help="Let the workers of this Dask scheduler do it, with the same result.",
)
run_option = click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Run folder. Default: runs/<task>-<verb>, numbered when that is taken.",
)

RUNS = Path("runs")


def resolve(task_or_path: str, overrides, paths=(), *, seed=None, **settings):
    """The configuration of a task or file with options applied on top.

    Args:
        task_or_path: Task name or YAML file.
        overrides: `key=value` texts.
        paths: Data files.
        seed: The run's seed.
        **settings: Dotted keys, with `__` for the dot, to values; None is left out.
    """
    import json

    from keras_astro.tasks.catalog import load_config

    found = {"seed": seed, **{k.replace("__", "."): v for k, v in settings.items()}}
    if paths:
        found["data.paths"] = [str(path) for path in paths]
    texts = [f"{k}={json.dumps(v)}" for k, v in found.items() if v is not None]
    return load_config(task_or_path, [*texts, *overrides])


@contextlib.contextmanager
def workplace(jobs: int, scheduler: str | None):
    """Where tasks are worked on: a number of processes, or an opened cluster.

    Raises:
        UsageError: If both are asked for, or the cluster does not answer.
    """
    if scheduler is None:
        yield jobs
        return
    from keras_astro.data.dask_pool import DaskPool
    from keras_astro.errors import UsageError

    if jobs > 1:
        raise UsageError(
            "--jobs counts processes of this machine, --scheduler uses others",
            hint="Give one of them.",
        )
    with DaskPool(scheduler) as pool:
        yield pool


def run_folder(folder: Path | None, name: str, *, resume: bool) -> Path:
    """The folder asked for, or a free one; with `resume`, the newest of that name."""
    if folder is not None:
        return folder
    taken = sorted(RUNS.glob(f"{name}-*"), key=_number)
    if resume and taken:
        return taken[-1]
    number = _number(taken[-1]) + 1 if taken else 1
    return RUNS / f"{name}-{number}"


def _number(path: Path) -> int:
    text = path.name.rpartition("-")[2]
    return int(text) if text.isdigit() else 0
