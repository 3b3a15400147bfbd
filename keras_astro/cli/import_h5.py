"""kastro import-h5."""

from pathlib import Path

import click

from keras_astro.cli.options import json_option, overwrite_option
from keras_astro.cli.output import answer, load_tensorflow


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Where to: .keras, .tflite, or a folder for a SavedModel.",
)
@overwrite_option
@json_option
def import_h5(path, output, overwrite, as_json):
    """Convert a network that Keras 2 saved, such as a survey's real-bogus network.

    Layers are rebuilt from an exact list; nothing in the file is run.

    Example: kastro import-h5 braai.h5 -o braai.tflite
    """
    from keras_astro.errors import UsageError

    if output.exists() and not overwrite:
        raise UsageError(
            f"{output} exists already", hint="Replace it with --overwrite."
        )
    load_tensorflow()
    from keras_astro.exports.legacy import write_legacy
    from keras_astro.models.legacy import read_legacy

    model = read_legacy(path)
    write_legacy(model, output)
    answer(
        {"path": str(output), "parameters": model.count_params()},
        f"{output}: {model.count_params()} parameters",
        as_json=as_json,
    )
