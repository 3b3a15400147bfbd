"""Kafka as a source: a real broker, members that are killed, nothing lost."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from streams import Constant, lines

from keras_astro.errors import ConfigError, DataError, UsageError
from keras_astro.inference import stream_kafka
from keras_astro.inference.stream import AlertStream
from keras_astro.inference.stream_kafka import KafkaTopic, read_settings
from keras_astro.inference.stream_kafka_source import KafkaSource
from keras_astro.inference.stream_sink import REJECTED, ROWS, JsonLinesSink

BATCH = 4
# The shortest that the protocol's usual limits allow: a killed member is missed soon.
SOON = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"}


class Dying(KafkaSource):
    """Is killed when rows are on disk and their offsets are not committed."""

    batches = 0

    def confirm(self, packets):
        self.batches += 1
        if self.batches == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        super().confirm(packets)


@contextlib.contextmanager
def stream(address, sink, *, kind=KafkaSource, group="tests", model=None):
    topic = KafkaTopic.parse(address)
    with (
        contextlib.closing(JsonLinesSink(sink)) as rows,
        contextlib.closing(kind(topic, group, settings=SOON)) as source,
    ):
        yield AlertStream(model or Constant(), source, rows, batch=BATCH)


def member(address, sink, *, dying):
    """What a process of its own does: tells what it wrote, until it is killed."""
    kind, model = (Dying, None) if dying else (KafkaSource, Constant(seconds=0.05))
    with stream(address, Path(sink), kind=kind, model=model) as work:
        work.run(progress=lambda account: print(account.alerts, flush=True))


MEMBER = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from test_stream_kafka import member
member(sys.argv[2], sys.argv[3], dying=sys.argv[4] == "dying")
"""


def killed(address, sink, *, dying):
    """Runs a member until its death; returns how many alerts it told of."""
    folder = Path(__file__).parent
    paths = json.dumps([str(folder), str(folder.parent)])
    manner = "dying" if dying else "killed"
    words = [sys.executable, "-c", MEMBER, paths, address, sink, manner]
    told = 0
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            told = int(line)
            if not dying and told >= 3 * BATCH:
                process.kill()
    assert process.returncode == -signal.SIGKILL
    return told


def test_kills_lose_nothing_and_repeat_only_what_was_not_committed(
    broker, packets, tmp_path
):
    good = [packets.container(packets.record(candid=100 + n)) for n in range(80)]
    bad = [b"nothing", None, good[0][:900]]
    broker.send("alerts", [*good[:40], *bad, *good[40:]], partitions=2)
    address, sink = broker.address("alerts"), tmp_path / "rows"

    # The third batch is on disk and not committed: it comes again, and nothing else.
    told = killed(address, sink, dying=True)
    before = len(lines(sink / ROWS))
    assert (told, before) == (2 * BATCH, 3 * BATCH)
    # Killed at any moment: what it told of was committed.
    told = killed(address, sink, dying=False)
    assert 3 * BATCH <= told < 80 - before
    with stream(address, sink) as work:
        account = work.run()
    assert account.balanced
    assert account.written > 0

    ids = [row["id"] for row in lines(sink / ROWS)]
    assert set(ids) == {str(100 + n) for n in range(80)}
    assert BATCH <= len(ids) - 80 <= 2 * BATCH
    rejected = {one["packet"]: one["reason"] for one in lines(sink / REJECTED)}
    assert len(rejected) == 3
    assert all(name.startswith("alerts/") for name in rejected)


def test_a_partition_that_went_to_another_member_is_left_to_it(broker):
    broker.send("shared", [b"%d" % n for n in range(20)], partitions=2)
    topic = KafkaTopic.parse(broker.address("shared"))
    end = time.monotonic() + 40

    def source(stack):
        made = KafkaSource(topic, "two", settings=SOON, follow=True)
        return stack.enter_context(contextlib.closing(made))

    with contextlib.ExitStack() as stack:
        first = source(stack)
        held = []
        while len(held) < 20 and time.monotonic() < end:
            held += first.poll(20, 0.1)
        first.confirm([packet for packet in held if packet.offset < 3])
        assert broker.committed("two", "shared", 2) == [3, 3]
        second = source(stack)
        taken = []
        while not taken and time.monotonic() < end:
            first.poll(20, 0.1)
            taken = second.poll(20, 0.1)
        (theirs,) = {packet.partition for packet in taken}
        # What the first had not confirmed comes to the second, who has its say alone.
        assert [packet.offset for packet in taken][:1] == [3]
        first.confirm(held)
        expected = [10, 10]
        expected[theirs] = 3
        assert broker.committed("two", "shared", 2) == expected
    assert time.monotonic() < end


def test_an_absent_topic_is_refused(broker, tmp_path, refused):
    topic = KafkaTopic.parse(broker.address("absent"))
    with refused(DataError, "absent", "nknown topic"):
        KafkaSource(topic, "tests")


def test_a_broker_that_does_not_answer(monkeypatch, refused):
    pytest.importorskip("confluent_kafka")
    monkeypatch.setattr(stream_kafka, "CONTACT_SECONDS", 0.3)
    with refused(DataError, "127.0.0.1:1/", "0.3 s", hint="address"):
        KafkaSource(KafkaTopic("127.0.0.1:1", "alerts"), "tests")


def test_a_setting_that_the_client_does_not_know(refused):
    pytest.importorskip("confluent_kafka")
    topic = KafkaTopic("127.0.0.1:1", "alerts")
    with refused(ConfigError, "no.such.setting"):
        KafkaSource(topic, "tests", settings={"no.such.setting": "1"})


@pytest.mark.parametrize(
    "address",
    ["kafka://host/topic", "kafka://host:9092", "kafka://host:9092/", "host:9092/a"],
)
def test_addresses_that_are_refused(address, refused):
    with refused(UsageError, address, "kafka://host:port/topic"):
        KafkaTopic.parse(address)


def test_settings_files(tmp_path, refused):
    path = tmp_path / "kafka.conf"
    path.write_text("# who\nsecurity.protocol = SASL_SSL\n\nsasl.password=a=b\n")
    found = read_settings(path)
    assert found == {"security.protocol": "SASL_SSL", "sasl.password": "a=b"}
    assert read_settings(None) == {}
    path.write_text("group.id=mine\n")
    with refused(ConfigError, path, "line 1", "group.id"):
        read_settings(path)
    path.write_text("\nsecret\n")
    with refused(ConfigError, path, "line 2") as caught:
        read_settings(path)
    assert "secret" not in str(caught.value)
    with refused(DataError, "none.conf"):
        read_settings(tmp_path / "none.conf")
