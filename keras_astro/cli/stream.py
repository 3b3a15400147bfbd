"""kastro stream."""

import contextlib
import signal
from pathlib import Path

import click

from keras_astro.cli.options import json_option
from keras_astro.cli.output import answer, load_tensorflow, story

EVERY_SECONDS = 10.0


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--source",
    "source_path",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of .avro packets, or one file.",
)
@click.option(
    "--sink",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for alerts.jsonl and rejected.jsonl; continued where it exists.",
)
@click.option(
    "--schema",
    "schema_file",
    type=click.Path(path_type=Path),
    default=None,
    help="Avro schema (.avsc) of packets that carry none.",
)
@click.option("--registry", default=None, help="URL of a schema registry.")
@click.option(
    "--batch",
    type=click.IntRange(1, 4096),
    default=64,
    show_default=True,
    help="Most packets classified at once.",
)
@click.option("--follow", is_flag=True, help="Wait for further packets until stopped.")
@json_option
def stream(model, source_path, sink, schema_file, registry, batch, follow, as_json):
    """Classify a stream of alert packets with MODEL, a .tflite artefact or a run.

    Every packet ends as a row in alerts.jsonl, or in rejected.jsonl with the reason. A
    stream that was stopped or killed goes on where it was: nothing is lost, and at
    most the last batch is written twice. SIGTERM ends it after the batch in hand.

    Example: kastro stream alerts.tflite --source night/ --sink rows/
    """
    from keras_astro.data.readers.avro import Schemas
    from keras_astro.inference.predictor import open_predictor
    from keras_astro.inference.stream import AlertStream
    from keras_astro.inference.stream_sink import JsonLinesSink
    from keras_astro.inference.stream_source import FolderSource

    if model.suffix != ".tflite":
        load_tensorflow()
    predictor = open_predictor(model)
    schemas = Schemas.read(schema_file, registry=registry)
    with (
        contextlib.closing(JsonLinesSink(sink)) as rows,
        contextlib.closing(
            FolderSource(source_path, sink / "done.txt", follow=follow)
        ) as source,
    ):
        work = AlertStream(predictor, source, rows, schemas=schemas, batch=batch)
        before = signal.signal(signal.SIGTERM, lambda *_: work.stop())
        try:
            account = work.run(progress=_Told())
        finally:
            signal.signal(signal.SIGTERM, before)
    content = vars(account) | {"balanced": account.balanced, "stopped": work.stopping}
    text = (
        f"{account.alerts} alerts: {account.written} written, {account.rejected} "
        f"rejected, {account.written / max(account.seconds, 1e-9):.0f} a second"
    )
    answer(content, text, as_json=as_json)


class _Told:
    """Tells on stderr how far the stream is, now and then."""

    def __init__(self):
        self.next = EVERY_SECONDS

    def __call__(self, account):
        if account.seconds >= self.next:
            self.next = account.seconds + EVERY_SECONDS
            story(f"{account.written} written, {account.rejected} rejected")
