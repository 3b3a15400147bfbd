"""kastro export."""

from pathlib import Path

import click

from keras_astro.cli.options import RUNS, json_option, overwrite_option
from keras_astro.cli.output import answer, load_tensorflow, story


@click.command()
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["saved_model", "tflite", "onnx"]),
    required=True,
    help="tflite: one file, which runs without TensorFlow. saved_model: for TensorFlow "
    "and TF Serving. onnx: the signature predict alone.",
)
@click.option(
    "--quantize",
    type=click.Choice(["none", "float16", "dynamic", "int8"]),
    default=None,
    help="Bits of a .tflite file's weights: none 32, float16 16 (the default), dynamic "
    "and int8 8. int8 computes with integers where outputs allow it, and needs 10 "
    "calibration rows. Other formats have 32.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder. Default: exports/<format>-<type> in the run, and for a preset "
    "exports/NAME-float16 here.",
)
@click.option(
    "--data",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Rows to verify on; labels are used where they have any. Default: rows that "
    "the run held back. Repeatable.",
)
@overwrite_option
@json_option
def export(run, fmt, quantize, folder, paths, overwrite, as_json):
    """Export RUN (default: the latest finished one) and verify the artefact.

    A fresh process loads the artefact and must give the model's answers on rows that
    trained nothing; verification.json beside it says how near they are. If they are too
    far off, the exit code is 6 and no artefact is left.

    preset:NAME in place of RUN gives a copy of that preset's .tflite file.

    Example: kastro export --format tflite
    """
    if folder and overwrite:
        _refuse_foreign(folder)
    if str(run).startswith("preset:"):
        return _copy_preset(str(run), fmt, quantize, folder, overwrite, as_json)
    load_tensorflow()
    from keras_astro.data.readers import open_many
    from keras_astro.exports.card import said_of_integers
    from keras_astro.exports.export import export_run, rows_to_verify
    from keras_astro.tasks.catalog import get_task
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.training.run import Run, latest_run
    from keras_astro.training.train import load_or_make_split, make_parts

    opened = Run.open(run) if run else latest_run(RUNS)
    config = opened.config
    rows = open_rows(get_task(config.task), config, story=story)
    parts = make_parts(rows, load_or_make_split(rows, opened, config))
    held_out = open_many(paths, rows.schema) if paths else rows_to_verify(parts)
    result = export_run(
        opened,
        parts.calibration,
        held_out,
        validation=parts.validation,
        fmt=fmt,
        quantize=quantize,
        out_dir=folder,
        overwrite=overwrite,
        story=story,
    )
    found = result.verification
    worst = max(v.get("rms_over_sd", 0.0) for v in found["outputs"].values())
    losses = [k for k in found if k.endswith("_loss")]
    loss = "".join(f", {k.replace('_', ' ')} {found[k]:.4f}" for k in losses)
    whole = f"; {said_of_integers(found['integers'])}" if "integers" in found else ""
    answer(
        {
            "path": str(result.path),
            "size_bytes": result.size_bytes,
            "verification": found,
        },
        f"{result.path}: {result.size_bytes / 1e6:.2f} MB, verified on "
        f"{found['rows']} rows, largest difference {worst:.2g} of an output's sd, "
        f"{found['flips']:.2%} of decisions changed{loss}{whole}",
        as_json=as_json,
    )


def _copy_preset(name, fmt, quantize, folder, overwrite, as_json):
    from keras_astro.exports.preset import export_preset

    path, found = export_preset(
        name, fmt=fmt, quantize=quantize, out_dir=folder, overwrite=overwrite
    )
    size = path.stat().st_size
    answer(
        {"path": str(path), "size_bytes": size, "verification": found},
        f"{path}: {size / 1e6:.2f} MB, a copy of {name}; its hashes are right",
        as_json=as_json,
    )


def _refuse_foreign(folder: Path) -> None:
    """Only what an export wrote may be replaced: it verified itself there."""
    from keras_astro.errors import UsageError

    empty = folder.is_dir() and not any(folder.iterdir())
    ours = (folder / "verification.json").is_file()
    if ours or empty or not folder.exists():
        return
    raise UsageError(
        f"{folder} is not an export and will not be replaced",
        hint="Choose another folder with -o.",
    )
