"""Packets of a Kafka topic; offsets are committed when their rows are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras_astro.errors import DataError
from keras_astro.inference.stream_kafka import KafkaTopic, kafka_client, open_client
from keras_astro.inference.stream_source import Packet, PacketSource

# The client mends these itself; a later commit covers one that failed so.
PASSING = (
    "_ALL_BROKERS_DOWN",
    "_MAX_POLL_EXCEEDED",
    "_RESOLVE",
    "_TIMED_OUT",
    "_TIMED_OUT_QUEUE",
    "_TRANSPORT",
    "_WAIT_COORD",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "LEADER_NOT_AVAILABLE",
    "NOT_COORDINATOR",
    "REQUEST_TIMED_OUT",
)
# The partition went to another member, who reads again what was not committed.
LOST = ("ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS", "UNKNOWN_MEMBER_ID")


@dataclass(frozen=True)
class KafkaPacket(Packet):
    """A message and its place in the topic.

    Args:
        partition: Of the topic.
        offset: In the partition.
    """

    partition: int = 0
    offset: int = 0


class KafkaSource(PacketSource):
    """Messages of a topic, as one member of a consumer group.

    A group without committed offsets starts at the earliest message. Offsets are
    committed by `confirm` alone, so that a member that is killed loses nothing: its
    partitions go to the others, from the last commit on.

    Args:
        topic: Read by the group.
        group: Name of the group; members of one group share the messages.
        settings: Further ones of librdkafka.
        follow: Whether to wait for messages beyond the present end.

    Raises:
        ConfigError: If librdkafka does not take a setting.
        DataError: If no broker answers, or the topic does not exist.
    """

    def __init__(
        self,
        topic: KafkaTopic,
        group: str,
        *,
        settings: dict[str, str] | None = None,
        follow: bool = False,
    ):
        self._kafka = kafka_client()
        self.topic = topic
        self.follow = follow
        self._assigned: set[int] | None = None
        self._ended: set[int] = set()
        self._offsets: dict[int, int] = {}
        fixed = {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
        }
        chosen = {"auto.offset.reset": "earliest"} | (settings or {}) | fixed
        self._consumer = open_client("Consumer", topic, chosen)
        found = self._consumer.list_topics(topic.name).topics[topic.name]
        if found.error is not None:
            self._consumer.close()
            raise self._failed(found.error)
        self._consumer.subscribe(
            [topic.name], on_assign=self._gain, on_revoke=self._drop, on_lost=self._drop
        )

    @property
    def exhausted(self):
        return (
            not self.follow
            and self._assigned is not None
            and self._assigned <= self._ended
        )

    def poll(self, count, seconds):
        found: list[Packet] = []
        for message in self._consumer.consume(count, seconds):
            error = message.error()
            if error is None:
                found.append(self._packet(message))
            elif error.code() == self._kafka.KafkaError._PARTITION_EOF:
                self._ended.add(message.partition())
            elif not self._is(error, PASSING):
                raise self._failed(error)
        return found

    def confirm(self, packets):
        for packet in packets:
            # What another member has now must not be set back.
            if packet.partition in (self._assigned or ()):
                last = self._offsets.get(packet.partition, 0)
                self._offsets[packet.partition] = max(last, packet.offset + 1)
        self._commit()

    def close(self):
        if self._offsets:
            self._commit()
        self._consumer.close()

    def _packet(self, message) -> KafkaPacket:
        partition, offset = message.partition(), message.offset()
        self._ended.discard(partition)
        name = f"{self.topic.name}/{partition}/{offset}"
        # A message without a value is no packet, and is rejected as such.
        return KafkaPacket(name, message.value() or b"", partition, offset)

    def _commit(self) -> None:
        places = [
            self._kafka.TopicPartition(self.topic.name, partition, offset)
            for partition, offset in self._offsets.items()
        ]
        if not places:
            return
        try:
            done = self._consumer.commit(offsets=places, asynchronous=False)
            errors = [place.error for place in done if place.error is not None]
        except self._kafka.KafkaException as error:
            errors = [error.args[0]]
        if errors and not self._is(errors[0], PASSING + LOST):
            raise self._failed(errors[0])
        if not errors or self._is(errors[0], LOST):
            self._offsets.clear()

    def _gain(self, consumer, places) -> None:
        self._assigned = {place.partition for place in places}
        self._ended.clear()

    def _drop(self, consumer, places) -> None:
        for place in places:
            (self._assigned or set()).discard(place.partition)
            self._offsets.pop(place.partition, None)
        # Until the next assignment nobody knows what is left to read.
        self._assigned = self._assigned or None

    def _is(self, error: Any, names: tuple[str, ...]) -> bool:
        return error.code() in {getattr(self._kafka.KafkaError, n) for n in names}

    def _failed(self, error: Any) -> DataError:
        return DataError(
            f"{self.topic}: cannot be read ({error.str()})",
            hint="Check the topic's name and who may read it, then start again: "
            "nothing is lost.",
        )
