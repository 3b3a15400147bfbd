"""kastro predict."""

from pathlib import Path

import click

from keras_astro.cli.options import (
    ArtefactPath,
    drift_option,
    json_option,
    overwrite_option,
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
    help="Improve latents row by row by least squares, with errors; spectra only.",
)
@drift_option
@overwrite_option
@json_option
def predict(model, paths, output, on_bad, refine, drift_window, overwrite, as_json):
    """Score the files PATHS with MODEL into a table.

    MODEL is a run, an artefact or preset:NAME; a .tflite file needs no TensorFlow.
    Unreadable files are set aside with their reason, in a file beside the table, and
    the rest goes on; a galaxy that cannot be measured keeps its row, with the reason.
    The answer says whether the rows look like those that the model was made for.

    Example: kastro predict preset:lensing night.zip -o scores.ecsv
    """
    from keras_astro.data.readers import open_many
    from keras_astro.errors import UsageError
    from keras_astro.inference.batch import score_source
    from keras_astro.inference.drift import DriftWatch, told
    from keras_astro.inference.manifest import caveat
    from keras_astro.inference.predictor import open_predictor
    from keras_astro.inference.refinement import described
    from keras_astro.inference.table import FORMATS, predictions_table, write_table
    from keras_astro.tasks.catalog import model_rows, schema

    if output.suffix not in FORMATS:
        raise UsageError(
            f"{output}: expected one of {', '.join(FORMATS)}, found {output.suffix!r}"
        )
    if output.exists() and not overwrite:
        raise UsageError(
            f"{output} exists already", hint="Replace it with --overwrite."
        )
    if model.suffix not in (".tflite", ".onnx"):
        load_tensorflow()
    predictor = open_predictor(model)
    source = open_many(paths, schema(predictor.manifest["task"]), on_bad=on_bad)
    watch = DriftWatch(predictor.manifest, window=drift_window)
    scored = score_source(
        predictor,
        model_rows(source, predictor.manifest),
        refine=refine,
        drift=watch,
        progress=RowProgress("scoring"),
    )
    manifest = described(predictor.manifest) if refine else predictor.manifest
    table = predictions_table(
        scored.outputs, source.facts()["id"], manifest, scored.flags, scored.reasons
    )
    write_table(table, output, overwrite=overwrite)
    bad = [list(item) for item in getattr(source, "quarantined", [])]
    if bad:
        aside = output.with_name(f"{output.stem}-quarantined.csv")
        lines = [f'"{name}","{reason}"' for name, reason in bad]
        aside.write_text("\n".join(["id,reason", *lines]) + "\n")
        story(f"{len(bad)} files set aside, with reasons: {aside}")
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
