"""kastro data describe|convert|validate."""

from pathlib import Path

import click

from keras_astro.cli.options import json_option, overwrite_option
from keras_astro.cli.output import RowProgress, answer, story, table

path_argument = click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path)
)
task_option = click.option(
    "--task",
    default=None,
    help="What the data is for. Default: what the file says, or its names and shapes.",
)
bad_option = click.option(
    "--on-bad",
    type=click.Choice(["raise", "quarantine"]),
    default="raise",
    show_default=True,
    help="Stop at an unreadable file, or set it aside.",
)


@click.group()
def data():
    """Describe, convert or validate data files."""


def _open(paths, task, on_bad):
    from keras_astro.data.readers import open_many
    from keras_astro.data.readers.kinds import likely_task
    from keras_astro.data.readers.shards import expand
    from keras_astro.tasks.catalog import schema

    first = expand(paths[0])[0]
    task = task or _told(first, *likely_task(first))
    progress = RowProgress("checking") if on_bad == "quarantine" else None
    source = open_many(paths, schema(task), on_bad=on_bad, progress=progress)
    for name, reason in getattr(source, "quarantined", []):
        story(f"set aside: {name}: {reason}")
    return source


def _told(path, task, reason):
    """The task, and on stderr why it is taken for that, unless the file says so."""
    if reason:
        story(f"{path}: read as {task} ({reason}); for another case give --task")
    return task


def _open_pickles(paths, task, trusted, group):
    """Pickles go through an archive of plain arrays, which all readers know."""
    import tempfile

    import numpy as np

    from keras_astro.data.readers import open_many
    from keras_astro.data.readers.kinds import task_of_arrays
    from keras_astro.data.readers.pickles import one_group, read_pickle
    from keras_astro.errors import DataError, UsageError
    from keras_astro.tasks.catalog import schema

    if not trusted:
        raise UsageError(
            f"{paths[0]}: a pickle can run any program when it is read",
            hint="If you know who made it, add --i-trust-this-file; only arrays are "
            "read from it.",
        )
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / f"{path.stem}-{i}.npz" for i, path in enumerate(paths)]
        for path, copy in zip(paths, copies, strict=True):
            arrays = one_group(path, read_pickle(path), group)
            task = task or _told(path, *task_of_arrays(arrays))
            np.savez(copy, **arrays)
        try:
            return open_many(copies, schema(task))
        except DataError as error:
            # The user knows the pickle, not its copy.
            text = str(error)
            for path, copy in zip(paths, copies, strict=True):
                text = text.replace(str(copy), str(path))
            raise DataError(text, hint=error.hint) from error


def _preparation(path):
    """The steps of a YAML file, or those that a store, run or artefact holds."""
    from keras_astro.config import read_yaml
    from keras_astro.data.readers import open_source
    from keras_astro.data.store import store_task
    from keras_astro.errors import UsageError, missing_extra
    from keras_astro.inference.manifest import read_manifest
    from keras_astro.tasks.catalog import schema

    try:
        from keras_astro.preprocessing.preparation import Preparation
    except ModuleNotFoundError as error:
        raise missing_extra(error.name, extra="train", purpose="--prepare") from error

    if path.suffix in (".yaml", ".yml"):
        return Preparation.read(read_yaml(path), str(path))
    task = store_task(path)
    steps = (
        open_source(path, schema(task)).preparation
        if task
        else read_manifest(path).get("preparation")
    )
    if not steps:
        raise UsageError(
            f"{path}: its rows went through no steps of preparation",
            hint="Give the steps as YAML.",
        )
    return Preparation.read({"steps": steps}, str(path))


@data.command()
@path_argument
@task_option
@bad_option
@json_option
def describe(paths, task, on_bad, as_json):
    """Print shapes, units, ranges, labels and defects."""
    from keras_astro.data.describe import describe as look

    facts = look(_open(paths, task, on_bad))
    rows = [
        (
            name,
            "x".join(map(str, field["shape"])) or "-",
            field["dtype"],
            field["units"] or "-",
            f"{field['nan_fraction']:.2%}" if "nan_fraction" in field else "-",
            " / ".join(f"{field[k]:.4g}" for k in ("minimum", "median", "maximum"))
            if "minimum" in field
            else "-",
        )
        for name, field in facts["fields"].items()
    ]
    header = ("field", "shape", "dtype", "units", "NaN", "min / median / max")
    text = (
        f"{facts['name']}\n{facts['rows']} rows, {facts['groups']} objects, "
        f"labels {_labels(facts)}\n{table(rows, header)}"
    )
    answer(facts, text, as_json=as_json)


def _labels(facts):
    """Classes with their counts, or the names of what else is known of the rows."""
    counts = [f"{name}: {count}" for name, count in facts["labels"].items()]
    names = [k.partition("/")[2] for k in facts["fields"] if k.startswith("targets/")]
    return ", ".join(counts or names) or "none"


@data.command()
@path_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option(
    "--part-rows",
    type=click.IntRange(1),
    default=None,
    help="Write a folder of stores part-00000.h5, ... of that many rows each.",
)
@task_option
@bad_option
@click.option(
    "--from-pickle",
    is_flag=True,
    help="The paths are pickles of arrays; needs --i-trust-this-file.",
)
@click.option(
    "--i-trust-this-file",
    "trusted",
    is_flag=True,
    help="You know who made the pickle. Only arrays are read from it.",
)
@click.option(
    "--group", help="Of a pickle of several groups of arrays, the one to read."
)
@click.option(
    "--prepare",
    "steps",
    type=click.Path(path_type=Path),
    help="Steps that spectra go through: YAML, or a run, artefact or store, whose own "
    "are done again.",
)
@overwrite_option
@json_option
def convert(
    paths,
    output,
    part_rows,
    task,
    on_bad,
    from_pickle,
    trusted,
    group,
    steps,
    overwrite,
    as_json,
):
    """Convert images, FITS, alert packets, TFRecord or arrays to a store (.h5)."""
    from keras_astro.data.store import write_parts, write_store

    steps = _preparation(steps) if steps else None
    source = (
        _open_pickles(paths, task, trusted, group)
        if from_pickle
        else _open(paths, task, on_bad)
    )
    if steps:
        from keras_astro.preprocessing.prepared import PreparedSource

        source = PreparedSource(source, steps)
    facts = {
        "generator": "data convert",
        "config": {
            "paths": [str(path) for path in paths],
            "preparation": source.preparation,
        },
        "seed": 0,
        "overwrite": overwrite,
    }
    if part_rows:
        rows = write_parts(output, source, part_rows, **facts)
    else:
        rows = write_store(output, source.blocks(256), **facts)
    bad = [list(item) for item in getattr(source, "quarantined", [])]
    answer(
        {"path": str(output), "rows": rows, "quarantined": bad},
        f"{output}: {rows} rows, {len(bad)} set aside",
        as_json=as_json,
    )


@data.command()
@path_argument
@task_option
@json_option
def validate(paths, task, as_json):
    """Read every row and list what is wrong; exit 4 if anything is."""
    from keras_astro.data.describe import validate as check
    from keras_astro.errors import DataError

    source = _open(paths, task, "quarantine")
    problems = [f"{n}: {why}" for n, why in getattr(source, "quarantined", [])]
    problems += check(source)
    text = "\n".join(problems) or f"{len(source)} rows, nothing wrong"
    answer({"rows": len(source), "problems": problems}, text, as_json=as_json)
    if problems:
        raise click.exceptions.Exit(DataError.exit_code)
