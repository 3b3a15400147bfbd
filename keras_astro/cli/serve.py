"""kastro serve."""

import signal
import threading

import click

from keras_astro.cli.options import ArtefactPath
from keras_astro.cli.output import load_tensorflow, story


@click.command()
@click.argument("artefact", type=ArtefactPath())
@click.option("--name", default=None, help="Model name. Default: the task's.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--rest-port", type=click.IntRange(0, 65535), default=8501, show_default=True
)
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Also answer gRPC (extra: serve); 8500 is TF Serving's.",
)
@click.option(
    "--max-body-mb",
    type=click.FloatRange(0.001, 1024),
    default=32.0,
    show_default=True,
    help="Largest request.",
)
@click.option(
    "--poll",
    type=click.FloatRange(0.05),
    default=2.0,
    show_default=True,
    help="Seconds between looks for new versions.",
)
def serve(artefact, name, host, rest_port, grpc_port, max_body_mb, poll):
    """Serve ARTEFACT over TF Serving's REST and gRPC until stopped.

    ARTEFACT is a .tflite file, a SavedModel, a folder of versions or of models, or
    preset:NAME. This is a reference for client tests and small sites, not TF Serving.
    Neither door has encryption or passwords: it listens on this machine alone unless
    --host says otherwise.

    Example: kastro serve lensing.tflite
    """
    from keras_astro.serving.server import Server

    if any(artefact.rglob("saved_model.pb")):
        load_tensorflow()
    ended = threading.Event()
    server = Server(
        artefact,
        name=name,
        host=host,
        rest_port=rest_port,
        grpc_port=grpc_port,
        most_bytes=int(max_body_mb * 1e6),
        poll=poll,
        tell=story,
    )
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        with server:
            for line in server.addresses:
                story(line)
            ended.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    story("stopped after the last answer")
