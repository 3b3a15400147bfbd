"""Parquet and Kafka as sinks, and the metrics of a running stream."""

import contextlib
import json
import urllib.request

import pytest
from broker import started
from streams import Constant, lines

from keras_astro.errors import DataError, UsageError
from keras_astro.inference.stream import Account, AlertStream
from keras_astro.inference.stream_folder import FolderSource
from keras_astro.inference.stream_kafka import KafkaTopic
from keras_astro.inference.stream_kafka_sink import KafkaSink
from keras_astro.inference.stream_metrics import served_metrics
from keras_astro.inference.stream_parquet_sink import ParquetSink
from keras_astro.inference.stream_sink import REJECTED


@pytest.fixture
def night(tmp_path, packets):
    """Ten packets, the last of them bad."""
    folder = tmp_path / "night"
    folder.mkdir()
    for number in range(9):
        found = packets.record(candid=100 + number, objectId=f"ZTF{number}")
        (folder / f"{number}.avro").write_bytes(packets.container(found))
    (folder / "bad.avro").write_bytes(b"nothing")
    return folder


@contextlib.contextmanager
def stream(source, sink, folder, batch=2):
    with (
        contextlib.closing(sink) as rows,
        contextlib.closing(FolderSource(source, folder / "done.txt")) as packets,
    ):
        yield AlertStream(Constant(), packets, rows, batch=batch)


def test_parquet_files_roll_and_are_confirmed_when_whole(night, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "rows"
    seen = []

    def look(account):
        files = sorted(folder.glob("*.parquet"))
        rows = sum(parquet.read_metadata(file).num_rows for file in files)
        seen.append((rows, len((folder / "done.txt").read_text().splitlines())))

    with stream(night, ParquetSink(folder, most_rows=4), folder) as work:
        account = work.run(progress=look)
    assert account.balanced
    # Rows are in files, and packets done, four at a time; none is done before.
    assert seen == [(0, 0), (4, 4), (4, 4), (8, 8), (8, 8)]
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        *[f"alerts-00000{n}.parquet" for n in (1, 2, 3)],
        "done.txt",
        REJECTED,
    ]
    tables = [parquet.read_table(folder / name) for name in names[:3]]
    assert len({table.schema for table in tables}) == 1
    rows = [row for table in tables for row in table.to_pylist()]
    assert [row["id"] for row in rows] == [str(100 + n) for n in range(9)]
    assert rows[0]["class"] == "AGN"
    assert rows[0]["is_anomaly"] is True
    assert rows[0]["mjd"] == 60000.0
    assert [one["packet"] for one in lines(folder / REJECTED)] == ["bad.avro"]


def test_parquet_goes_on_after_an_end_without_a_flush(night, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "rows"
    with stream(night, ParquetSink(folder, most_rows=4), folder, batch=3) as work:
        for _ in range(3):
            work.handle(work.source.poll(3, 0))
    (folder / "alerts-000002.part").write_bytes(b"half")
    with stream(night, ParquetSink(folder), folder) as work:
        assert work.run().balanced
    names = sorted(path.name for path in folder.glob("alerts*"))
    assert names == ["alerts-000001.parquet", "alerts-000002.parquet"]
    found = [parquet.read_table(folder / name)["id"].to_pylist() for name in names]
    assert sorted(sum(found, [])) == [str(100 + n) for n in range(9)]


def test_parquet_rows_do_not_wait_for_ever(tmp_path):
    pytest.importorskip("pyarrow")
    sink = ParquetSink(tmp_path, most_seconds=1000.0)
    row = {"id": "1", "mjd": None, "abstains": False}
    assert not sink.due
    sink.write([], [("a", "bad", b"")])
    sink.write([row], [])
    assert not sink.due
    sink.most_seconds = 0.0
    assert sink.due
    sink.flush()
    assert not sink.due
    sink.close()
    assert (tmp_path / "alerts-000001.parquet").is_file()


def test_a_disk_that_refuses(tmp_path, refused):
    pytest.importorskip("pyarrow")
    (tmp_path / "file").write_text("")
    with refused(DataError, "file", hint="--sink"):
        ParquetSink(tmp_path / "file")


def test_kafka_takes_rows_and_a_file_the_rest(broker, night, tmp_path):
    broker.create("rows")
    topic = KafkaTopic.parse(broker.address("rows"))
    with stream(night, KafkaSink(topic, tmp_path), tmp_path) as work:
        account = work.run()
    assert (account.written, account.rejected) == (9, 1)
    found = broker.read("rows")
    assert [key for key, _ in found] == [f"ZTF{n}".encode() for n in range(9)]
    assert [json.loads(v)["id"] for _, v in found] == [str(100 + n) for n in range(9)]
    assert [one["packet"] for one in lines(tmp_path / REJECTED)] == ["bad.avro"]


def test_rows_that_kafka_does_not_take_are_not_confirmed(night, tmp_path, refused):
    with started() as own:
        topic = KafkaTopic.parse(own.address("rows"))
        sink = KafkaSink(topic, tmp_path, settings={"message.timeout.ms": "400"})
    # The broker is gone.
    with refused(DataError, topic, "timed out", hint="again"):
        with stream(night, sink, tmp_path) as work:
            work.run()
    assert (tmp_path / "done.txt").read_text() == ""


def test_rows_too_large_for_kafka(broker, tmp_path, refused):
    topic = KafkaTopic.parse(broker.address("rows"))
    sink = KafkaSink(topic, tmp_path, settings={"message.max.bytes": "1000"})
    with contextlib.closing(sink), refused(DataError, topic, "too large"):
        sink.write([{"id": "1", "object": "a", "text": "x" * 1500}], [])


def test_metrics_are_those_of_the_moment(refused):
    pytest.importorskip("prometheus_client")
    account = Account()
    with served_metrics(lambda: account, 0) as port:

        def read():
            url = f"http://127.0.0.1:{port}/metrics"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode().splitlines()

        assert "kastro_stream_written_total 0.0" in read()
        account.written, account.rejected = 7, 2
        found = read()
        assert "kastro_stream_written_total 7.0" in found
        assert "kastro_stream_rejected_total 2.0" in found
        assert any(line.startswith("process_resident_memory_bytes") for line in found)
        taken = served_metrics(lambda: account, port)
        with refused(UsageError, port, hint="--metrics-port"), taken:
            pass
