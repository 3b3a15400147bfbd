"""kastro stream."""

import contextlib
import logging
import signal
from pathlib import Path

import click

from keras_astro.cli.options import ArtefactPath, drift_option, json_option
from keras_astro.cli.output import answer, load_tensorflow, story

EVERY_SECONDS = 10.0


@click.command()
@click.argument("model", type=ArtefactPath())
@click.option(
    "--source",
    "source_path",
    required=True,
    help="Folder of .avro packets, one file, or kafka://HOST:PORT/TOPIC.",
)
@click.option("--group", default=None, help="Consumer group of a Kafka source.")
@click.option(
    "--sink",
    required=True,
    help="Folder, continued where it exists, or kafka://HOST:PORT/TOPIC.",
)
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["jsonl", "parquet"]),
    default=None,
    help="Files of a sink's folder: alerts.jsonl (default), or alerts-N.parquet.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder for rejected.jsonl and what is done; that of the sink by default.",
)
@click.option(
    "--kafka-config",
    type=click.Path(path_type=Path),
    default=None,
    help="File of librdkafka's settings, name=value a line, as for credentials.",
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
@click.option(
    "--move-done",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder to which files of a source's folder go when they are dealt with.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Port on 127.0.0.1 for Prometheus; 0 takes a free one.",
)
@click.option(
    "--realtime",
    is_flag=True,
    help="Run before all ordinary processes of the machine, where that is allowed.",
)
@drift_option
@json_option
def stream(
    model,
    source_path,
    group,
    sink,
    fmt,
    state,
    kafka_config,
    schema_file,
    registry,
    batch,
    follow,
    move_done,
    metrics_port,
    realtime,
    drift_window,
    as_json,
):
    """Classify a stream of alert packets with MODEL.

    MODEL is an artefact of the alerts case, preset:alerts, or a run. Neither .tflite
    files nor the preset need TensorFlow.

    Every packet ends as a row in the sink, or in rejected.jsonl with the reason. A
    stream that was stopped or killed goes on where it was: nothing is lost, and at
    most what was not flushed is written twice. It ends with its source, with --follow
    never; SIGTERM ends it after the batch in hand.

    Example: kastro stream alerts.tflite --source night/ --sink rows/
    """
    from keras_astro.data.readers.avro import Schemas
    from keras_astro.inference.drift import DriftWatch, told
    from keras_astro.inference.predictor import open_predictor
    from keras_astro.inference.priority import run_before_others
    from keras_astro.inference.stream import AlertStream
    from keras_astro.inference.stream_kafka import read_settings

    folder = _checked(source_path, group, sink, fmt, state, kafka_config, move_done)
    settings = read_settings(kafka_config)
    if realtime:
        run_before_others()
    if model.suffix not in (".tflite", ".onnx"):
        load_tensorflow()
    predictor = open_predictor(model)
    schemas = Schemas.read(schema_file, registry=registry)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_logged())
        rows = _sink(sink, fmt, folder, settings)
        stack.enter_context(contextlib.closing(rows))
        source = _source(source_path, group, folder, settings, follow, move_done)
        stack.enter_context(contextlib.closing(source))
        drift = DriftWatch(predictor.manifest, window=drift_window)
        work = AlertStream(
            predictor, source, rows, schemas=schemas, batch=batch, drift=drift
        )
        if metrics_port is not None:
            from keras_astro.inference.stream_metrics import served_metrics

            port = stack.enter_context(
                served_metrics(lambda: work.account, metrics_port, drift.report)
            )
            story(f"metrics at http://127.0.0.1:{port}/metrics")
        before = signal.signal(signal.SIGTERM, lambda *_: work.stop())
        stack.callback(signal.signal, signal.SIGTERM, before)
        account = work.run(progress=_Told(drift))
    content = vars(account) | {"balanced": account.balanced, "stopped": work.stopping}
    content["drift"] = drift.report()
    text = f"{_counted(account)}\n{told(content['drift'])}"
    answer(content, text, as_json=as_json)


def _counted(account) -> str:
    return (
        f"{account.alerts} alerts: {account.written} written, {account.rejected} "
        f"rejected, {account.written / max(account.seconds, 1e-9):.0f} a second"
    )


def _checked(source, group, sink, fmt, state, kafka_config, move_done) -> Path:
    """The folder for what the stream keeps for itself, if the options fit together."""
    from keras_astro.errors import UsageError
    from keras_astro.inference.stream_kafka import is_kafka

    mistakes = {
        "a Kafka source needs a consumer group: give --group": (
            is_kafka(source) and not group
        ),
        "--group is for a Kafka source": group and not is_kafka(source),
        "a Kafka sink keeps no files: give a folder for them with --state": (
            is_kafka(sink) and state is None
        ),
        "--move-done is for a source that is a folder": (
            move_done and is_kafka(source)
        ),
        "--format is for a sink that is a folder": fmt and is_kafka(sink),
        "--kafka-config is for a Kafka source or sink": (
            kafka_config and not (is_kafka(source) or is_kafka(sink))
        ),
    }
    for text, made in mistakes.items():
        if made:
            raise UsageError(text, hint="See kastro stream --help.")
    return state or Path(sink)


def _sink(sink: str, fmt: str | None, folder: Path, settings):
    from keras_astro.inference.stream_kafka import KafkaTopic, is_kafka
    from keras_astro.inference.stream_kafka_sink import KafkaSink
    from keras_astro.inference.stream_parquet_sink import ParquetSink
    from keras_astro.inference.stream_sink import JsonLinesSink

    if is_kafka(sink):
        return KafkaSink(KafkaTopic.parse(sink), folder, settings=settings)
    kind = ParquetSink if fmt == "parquet" else JsonLinesSink
    return kind(Path(sink), state=folder)


def _source(source: str, group: str | None, folder: Path, settings, follow, move_done):
    from keras_astro.inference.stream_folder import FolderSource, journal
    from keras_astro.inference.stream_kafka import KafkaTopic, is_kafka
    from keras_astro.inference.stream_kafka_source import KafkaSource

    if is_kafka(source):
        topic = KafkaTopic.parse(source)
        return KafkaSource(topic, group, settings=settings, follow=follow)
    done = journal(folder, Path(source))
    return FolderSource(Path(source), done, follow=follow, move_to=move_done)


@contextlib.contextmanager
def _logged():
    """Tells on stderr of brokers that are out of reach, while the stream waits."""
    from keras_astro.inference.stream_kafka import LOG

    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: story(record.getMessage())
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)


class _Told:
    """Tells on stderr how far the stream is, now and then, and of drift once."""

    def __init__(self, drift):
        self.next = EVERY_SECONDS
        self.drift = drift
        self.alarms = 0

    def __call__(self, account):
        if account.seconds >= self.next:
            self.next = account.seconds + EVERY_SECONDS
            story(f"{account.written} written, {account.rejected} rejected")
            if self.drift.alarms > self.alarms == 0:
                from keras_astro.inference.drift import told

                story(told(self.drift.report()))
            self.alarms = self.drift.alarms
