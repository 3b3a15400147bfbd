"""kastro stream: sources and sinks by their addresses, and options that clash."""

import json

import pytest
from streams import Constant, lines

from keras_astro.inference import predictor, stream_kafka


@pytest.fixture
def model(monkeypatch):
    """Stands for an artefact."""
    monkeypatch.setattr(predictor, "open_predictor", lambda path: Constant())
    return "constant.tflite"


@pytest.fixture
def night(tmp_path, packets):
    """Three packets, one of them bad."""
    folder = tmp_path / "night"
    folder.mkdir()
    for number in (1, 2):
        data = packets.container(packets.record(candid=number))
        (folder / f"{number}.avro").write_bytes(data)
    (folder / "bad.avro").write_bytes(b"nothing")
    return folder


def test_from_files_over_kafka_to_files(kastro, broker, model, night, tmp_path):
    data = [path.read_bytes() for path in sorted(night.iterdir())]
    broker.send("cli", data)
    config = tmp_path / "kafka.conf"
    # A short heartbeat: the group begins in seconds.
    config.write_text("session.timeout.ms=6000\nheartbeat.interval.ms=1000\n")
    source = "--source", broker.address("cli"), "--group", "cli"
    source += "--kafka-config", config
    sink = "--sink", tmp_path / "rows", "--json"
    found = kastro("stream", model, *source, *sink).done().json
    assert (found["written"], found["rejected"]) == (2, 1)
    assert found["balanced"]
    assert [row["id"] for row in lines(tmp_path / "rows" / "alerts.jsonl")] == [
        "1",
        "2",
    ]

    broker.create("cli-rows")
    sink = "--sink", broker.address("cli-rows"), "--state", tmp_path / "state"
    kastro("stream", model, "--source", night, *sink).done()
    values = [json.loads(value)["id"] for _, value in broker.read("cli-rows")]
    assert values == ["1", "2"]
    assert len(lines(tmp_path / "state" / "rejected.jsonl")) == 1


def test_parquet_and_metrics(kastro, model, night, tmp_path):
    pytest.importorskip("pyarrow")
    pytest.importorskip("prometheus_client")
    words = "--format", "parquet", "--state", tmp_path / "state", "--metrics-port", 0
    sink = "--sink", tmp_path / "rows"
    answer = kastro("stream", model, "--source", night, *sink, *words).done()
    assert "metrics at http://127.0.0.1:" in answer.err
    names = {path.name for path in (tmp_path / "rows").iterdir()}
    assert names == {"alerts-000001.parquet"}
    names = {path.name for path in (tmp_path / "state").iterdir()}
    assert len(names) == 2
    assert [name.startswith("done-") for name in sorted(names)] == [True, False]
    assert "rejected.jsonl" in names


def test_what_the_client_logs_of_its_broker_is_told(
    kastro, monkeypatch, night, tmp_path
):
    class Disturbed(Constant):
        def run(self, *words, **options):
            stream_kafka.LOG.error("broker 1: connection refused")
            stream_kafka.LOG.info("broker 1: connected")
            return super().run(*words, **options)

    monkeypatch.setattr(predictor, "open_predictor", lambda path: Disturbed())
    words = "--source", night, "--sink", tmp_path / "rows"
    err = kastro("stream", "constant.tflite", *words).done().err
    assert "broker 1: connection refused" in err
    assert "connected" not in err


def test_a_broker_out_of_reach(kastro, monkeypatch, model, tmp_path):
    pytest.importorskip("confluent_kafka")
    monkeypatch.setattr(stream_kafka, "CONTACT_SECONDS", 0.3)
    source = "--source", "kafka://127.0.0.1:1/alerts", "--group", "g"
    answer = kastro("stream", model, *source, "--sink", tmp_path / "rows")
    answer.refused(4, "kafka://127.0.0.1:1/alerts: no broker answered")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--source", "kafka://a:1/b", "--sink", "rows"], "--group"),
        (["--source", "night", "--sink", "rows", "--group", "g"], "Kafka source"),
        (["--source", "night", "--sink", "kafka://a:1/b"], "--state"),
        (
            ["--source", "night", "--sink", "kafka://a:1/b", "--state", "s"]
            + ["--format", "jsonl"],
            "--format",
        ),
        (
            ["--source", "night", "--sink", "rows", "--kafka-config", "k"],
            "--kafka-config",
        ),
        (
            ["--source", "kafka://a:1/b", "--group", "g", "--sink", "rows"]
            + ["--move-done", "d"],
            "--move-done",
        ),
        (
            ["--source", "kafka://a/b", "--group", "g", "--sink", "rows"],
            "kafka://host:port/topic",
        ),
    ],
)
def test_options_that_do_not_fit(kastro, model, words, told):
    kastro("stream", model, *words).refused(2, told)
