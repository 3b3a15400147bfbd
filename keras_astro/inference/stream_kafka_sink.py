"""Rows of a stream as messages of a Kafka topic."""

from __future__ import annotations

import json
from pathlib import Path

from keras_astro.errors import DataError
from keras_astro.inference.stream_kafka import KafkaTopic, kafka_client, open_client
from keras_astro.inference.stream_sink import DeadLetters, RowSink


class KafkaSink(RowSink):
    """Sends each row as JSON, with the object as its key; rejects go to a file.

    A flush returns when all in-sync brokers have every message.

    Args:
        topic: Where rows go.
        folder: For `rejected.jsonl`.
        settings: Further ones of librdkafka.

    Raises:
        ConfigError: If librdkafka does not take a setting.
        DataError: If no broker answers.
    """

    def __init__(
        self, topic: KafkaTopic, folder: Path, *, settings: dict[str, str] | None = None
    ):
        self._kafka = kafka_client()
        self.topic = topic
        self._errors: list[str] = []
        self._dead = DeadLetters(folder)
        chosen = (settings or {}) | {"acks": "all"}
        self._producer = open_client("Producer", topic, chosen)

    def write(self, rows, rejected):
        for row in rows:
            value = json.dumps(row, allow_nan=False)
            try:
                self._producer.produce(
                    self.topic.name, value, key=row["object"], on_delivery=self._told
                )
            except self._kafka.KafkaException as error:
                raise self._failed(error.args[0].str()) from error
        self._dead.take(rejected)

    def flush(self):
        self._producer.flush()
        if self._errors:
            raise self._failed(self._errors[0])

    def close(self):
        self._dead.close()

    def _told(self, error, message) -> None:
        if error is not None:
            self._errors.append(error.str())

    def _failed(self, reason: str) -> DataError:
        return DataError(
            f"{self.topic}: a row was not taken ({reason})",
            hint="Start again once the topic takes messages: nothing is lost.",
        )
