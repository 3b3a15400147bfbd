"""What a Kafka source and a Kafka sink share: addresses, settings, first contact."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_astro.errors import ConfigError, DataError, UsageError, missing_extra

SCHEME = "kafka://"
# What the clients have to say of their connections.
LOG = logging.getLogger("keras_astro.kafka")
LOG.addHandler(logging.NullHandler())
# Longest wait for the first answer of a broker.
CONTACT_SECONDS = 15.0
# What the guarantees of the stream rest on.
FIXED = (
    "acks",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "group.id",
)


@dataclass(frozen=True)
class KafkaTopic:
    """A topic and the brokers to ask for it.

    Args:
        brokers: `host:port`, several with commas between them.
        name: Of the topic.
    """

    brokers: str
    name: str

    @classmethod
    def parse(cls, address: str) -> KafkaTopic:
        """Reads `kafka://host:port/topic`.

        Raises:
            UsageError: If it is written otherwise.

        Example:
            >>> KafkaTopic.parse("kafka://a.example:9092,b.example:9092/alerts")
            KafkaTopic(brokers='a.example:9092,b.example:9092', name='alerts')
        """
        brokers, slash, name = address.removeprefix(SCHEME).partition("/")
        hosts = [broker.rpartition(":") for broker in brokers.split(",")]
        whole = all(host and port.isdecimal() for host, _, port in hosts)
        if not (address.startswith(SCHEME) and slash and name and whole):
            raise UsageError(
                f"expected kafka://host:port/topic, found {address}",
                hint="Several brokers are written kafka://one:9092,two:9092/topic.",
            )
        return cls(brokers, name)

    def __str__(self):
        return f"{SCHEME}{self.brokers}/{self.name}"


def is_kafka(address: str) -> bool:
    """Whether an address names a Kafka topic rather than a file.

    Example:
        >>> is_kafka("kafka://localhost:9092/alerts"), is_kafka("night/")
        (True, False)
    """
    return address.startswith(SCHEME)


def read_settings(path: Path | None) -> dict[str, str]:
    """Settings of librdkafka, `name=value` a line, as for credentials.

    Args:
        path: File with lines such as `security.protocol=SASL_SSL`; `#` starts a comment
            line. `None` gives no settings.

    Raises:
        DataError: If the file cannot be read.
        ConfigError: If a line is no setting, or one that the stream sets itself.
    """
    if path is None:
        return {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error})",
            hint="Check the path of --kafka-config.",
        ) from error
    settings = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not (name and equals):
            # The line may hold a password, and is not repeated.
            raise ConfigError(
                f"{path}: line {number}: expected name=value",
                hint="Write one setting of librdkafka a line; # begins a remark.",
            )
        if name in FIXED:
            raise ConfigError(
                f"{path}: line {number}: {name} is set by the stream itself",
                hint="Remove the line.",
            )
        settings[name] = value
    return settings


def kafka_client() -> Any:
    """The module `confluent_kafka`.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import confluent_kafka
    except ImportError as error:
        raise missing_extra(
            "confluent_kafka", extra="kafka", purpose="A Kafka stream"
        ) from error
    return confluent_kafka


def open_client(kind: str, topic: KafkaTopic, settings: dict[str, Any]) -> Any:
    """A `Consumer` or `Producer` whose brokers have answered.

    Args:
        kind: Name of the class.
        topic: Where to.
        settings: Of librdkafka, without `bootstrap.servers`.

    Raises:
        ConfigError: If librdkafka does not take a setting.
        DataError: If no broker answers.
    """
    kafka = kafka_client()
    try:
        client = getattr(kafka, kind)(
            settings | {"bootstrap.servers": topic.brokers},
            # Lost connections are mended by the client, which logs them.
            error_cb=lambda error: None,
            logger=LOG,
        )
    except kafka.KafkaException as error:
        reason = error.args[0].str()
        raise ConfigError(
            f"{topic}: a setting was refused: {reason}",
            hint="See the list of settings of librdkafka.",
        ) from error
    try:
        client.list_topics(timeout=CONTACT_SECONDS)
    except kafka.KafkaException as error:
        raise DataError(
            f"{topic}: no broker answered in {CONTACT_SECONDS:g} s "
            f"({error.args[0].str()})",
            hint="Check the address, and credentials in --kafka-config.",
        ) from error
    return client
