"""kastro inspect."""

import click

from keras_astro.cli.options import ArtefactPath, json_option
from keras_astro.cli.output import answer


@click.command()
@click.argument("artefact", type=ArtefactPath())
@json_option
def inspect(artefact, as_json):
    """Print the model card of ARTEFACT, after checking its hashes.

    ARTEFACT is a .tflite or .onnx file, a SavedModel folder, a run or preset:NAME. The
    card has its figures, its inputs and outputs with their units, and its limits. No
    model is loaded, so TensorFlow is not needed.

    Example: kastro inspect lensing.tflite
    """
    from keras_astro.exports.card import model_card
    from keras_astro.inference.manifest import read_manifest

    manifest = read_manifest(artefact)
    answer(
        {"path": str(artefact), "manifest": manifest},
        model_card(manifest),
        as_json=as_json,
    )
