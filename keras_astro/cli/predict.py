"""kastro predict."""

import contextlib
import csv
import io
from pathlib import Path

import click

from keras_astro.cli.options import (
    ArtefactPath,
    drift_option,
    jobs_option,
    json_option,
    overwrite_option,
    resume_option,
    scheduler_option,
    workplace,
)
from keras_astro.cli.output import RowProgress, answer, load_tensorflow, story


@click.command()
@click.argument("model", type=ArtefactPath())
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Table: .csv, .ecsv, .fits, .parquet or .h5.",
)
@click.option(
    "--on-bad",
    type=click.Choice(["quarantine", "raise"]),
    default="quarantine",
    show_default=True,
    help="Set unreadable files aside, or stop at the first.",
)
@click.option(
    "--refine",
    is_flag=True,
    help="Improve latents row by row by least squares, with errors; cgm only.",
)
@jobs_option
@scheduler_option
@drift_option
@resume_option
@overwrite_option
@json_option
def predict(
    model,
    paths,
    output,
    on_bad,
    refine,
    jobs,
    scheduler,
    drift_window,
    resume,
    overwrite,
    as_json,
):
    """Score the files PATHS with MODEL into a table.

    MODEL is a run, an artefact or preset:NAME. Neither .tflite files nor presets need
    TensorFlow; .onnx files need onnxruntime. PATHS are files, folders, or patterns in
    quotes. Of several, and of large stores, the results are kept as they come: after an
    interruption or a kill the same command with --resume goes on, and the table is the
    same.

    The table has a row for each row of the files: its id, the model's outputs, with
    their units where the format has room for units, and warnings under quality. kastro
    inspect MODEL says what the outputs mean.

    Unreadable files are set aside, their reasons in NAME-quarantined.csv beside the
    table, and the rest goes on; a galaxy that cannot be measured keeps its row, with
    the reason. The answer says whether the rows look like those that the model was
    made for.

    Example: kastro predict preset:lensing nights/ -o scores.ecsv --jobs 4
    """
    from keras_astro.data.parts import parts_folder
    from keras_astro.inference.drift import DriftWatch, told
    from keras_astro.inference.manifest import caveat, read_manifest
    from keras_astro.inference.refinement import described
    from keras_astro.inference.table import predictions_table, write_table
    from keras_astro.inference.units import divide, join

    # A kill after the table was written leaves both it and the parts.
    overwrite = overwrite or (resume and parts_folder(output).is_dir())
    check_output(output, overwrite=overwrite)
    if model.suffix not in (".tflite", ".onnx"):
        load_tensorflow()
    manifest = read_manifest(model)
    watch = DriftWatch(manifest, window=drift_window)
    if scheduler:
        # Workers elsewhere have working folders of their own.
        model, paths = model.resolve(), [path.resolve() for path in paths]
    units = divide(model, manifest, paths, on_bad=on_bad, refine=refine)
    with scores(units, manifest, output, jobs, scheduler, resume=resume) as parts:
        joined = join(parts, watch)
        scored, bad = joined.scored, joined.quarantined
        if refine:
            manifest = described(manifest)
        table = predictions_table(
            scored.outputs, joined.ids, manifest, scored.flags, scored.reasons
        )
        if bad:
            # Before the table, which says to a later command that all is done.
            tell_quarantined(bad, output)
        write_table(table, output, overwrite=overwrite)
    content = {"path": str(output), "rows": len(table), "quarantined": bad}
    text = f"{output}: {len(table)} rows"
    if scored.reasons is not None:
        content["failed"] = tell_failures(table, output)
        text += f", {content['failed']} failed" if content["failed"] else ""
    if "is_anomaly" in table.colnames:
        content["flagged"] = int(table["is_anomaly"].sum())
        text += f", {content['flagged']} flagged"
    content["drift"] = watch.report()
    text += f"\n{told(content['drift'])}"
    if warning := caveat(manifest):
        content["warning"] = warning
        text += f"\nwarning: {warning}"
    answer(content, text, as_json=as_json)


def tell_quarantined(bad, output: Path) -> None:
    """Writes what was set aside, and why, beside the table."""
    from keras_astro.training.files import write_text

    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("id", "reason"), *bad])
    aside = output.with_name(f"{output.stem}-quarantined.csv")
    write_text(aside, text.getvalue())
    story(f"{len(bad)} files set aside, with reasons: {aside}")


def check_output(output: Path, *, overwrite: bool) -> None:
    """Refuses a table of no known format, or one that is there.

    Raises:
        UsageError: If it is so.
    """
    from keras_astro.data.store import refuse_existing
    from keras_astro.errors import UsageError
    from keras_astro.inference.table import FORMATS

    if output.suffix not in FORMATS:
        raise UsageError(
            f"{output}: expected one of {', '.join(FORMATS)}, found {output.suffix!r}",
            hint="Name the table anew with -o.",
        )
    refuse_existing(output, overwrite=overwrite)


@contextlib.contextmanager
def scores(units, manifest, output, jobs, scheduler, *, resume):
    """The parts of all units, in their order; of several, kept beside the table.

    A single unit is scored here, with its rows' progress, and leaves nothing behind.
    """
    from keras_astro import __version__
    from keras_astro.data.parallel import as_done
    from keras_astro.data.parts import ArrayParts
    from keras_astro.inference.units import fingerprint, score_unit

    if len(units) == 1 and not scheduler:
        if jobs > 1:
            story(f"{units[0].name} is one unit: one process scores it")
        yield iter([score_unit(units[0], progress=RowProgress("scoring"))])
        return
    facts = {
        "version": __version__,
        "model": fingerprint(manifest),
        "refine": units[0].refine,
        "on_bad": units[0].on_bad,
        "files": [unit.facts() for unit in units],
    }
    kept = ArrayParts(output, facts, resume=resume)
    with kept, workplace(jobs, scheduler) as place:
        numbers = [n for n in range(len(units)) if not kept.has(n)]
        todo = [units[number] for number in numbers]
        progress, done = RowProgress("scoring files"), len(units) - len(numbers)
        for i, part in as_done(score_unit, todo, jobs=place):
            kept.keep(numbers[i], part)
            done += 1
            progress(done, len(units))
        yield (kept.read(number) for number in range(len(units)))


def tell_failures(table, output) -> int:
    """Says how many rows have no result, and why the first has none.

    Raises:
        DataError: If no row has one.
    """
    from keras_astro.errors import DataError

    failed = table[table["reason"] != ""]
    if not len(failed):
        return 0
    first = f"{failed['id'][0]}: {failed['reason'][0]}"
    if len(failed) == len(table):
        raise DataError(
            f"none of {len(table)} rows could be measured; the first, {first}",
            hint=f"{output} has the reason of each.",
        )
    story(f"{len(failed)} of {len(table)} rows failed; the first, {first}")
    return len(failed)
