"""Alerts from a stream to rows: micro-batches, everything accounted for.

Each packet ends in exactly one place: a row of the sink, or the dead-letter file with
its reason. It is confirmed to its source after the sink's flush, so that a kill loses
nothing and repeats at most what was not flushed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_astro.data.readers.alert_packet import Alert, read_alert
from keras_astro.data.readers.avro import NO_SCHEMAS, Schemas, read_packets
from keras_astro.errors import DataError, UsageError
from keras_astro.inference.alert_quality import alert_flags
from keras_astro.inference.drift import DriftWatch
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.stream_sink import Rejected, RowSink
from keras_astro.inference.stream_source import Packet, PacketSource

# Longest that a packet waits for others to share its batch.
MOST_WAIT_SECONDS = 0.01


@dataclass
class Account:
    """What became of the packets.

    Args:
        packets: Read from the source.
        alerts: Records in them; a packet may hold several, or none that decodes.
        written: Rows in the sink.
        rejected: Entries in the dead-letter file.
        seconds: Time since the start.
    """

    packets: int = 0
    alerts: int = 0
    written: int = 0
    rejected: int = 0
    seconds: float = 0.0

    @property
    def balanced(self) -> bool:
        """Whether everything that came in went out or was rejected."""
        return self.alerts == self.written + self.rejected


class AlertStream:
    """Classifies a source's packets into a sink until it ends or is told to stop.

    Args:
        predictor: An alerts artefact; a `.tflite` needs no TensorFlow.
        source: Where packets come from.
        sink: Where rows and rejected packets go.
        schemas: For packets that carry no schema.
        batch: Most packets classified at once.
        drift: Told of all alerts that are classified.

    Raises:
        UsageError: If the artefact is of another task.
    """

    def __init__(
        self,
        predictor: Predictor,
        source: PacketSource,
        sink: RowSink,
        *,
        schemas: Schemas = NO_SCHEMAS,
        batch: int = 64,
        drift: DriftWatch | None = None,
    ):
        task = predictor.manifest["task"]
        if task != "alerts":
            raise UsageError(
                f"{predictor.path}: expected a model of the alerts task, found {task}",
                hint="Export one with: kastro export RUN --format tflite",
            )
        self.predictor = predictor
        self.source = source
        self.sink = sink
        self.schemas = schemas
        self.batch = batch
        self.drift = drift
        self.account = Account()
        self.stopping = False
        self._unconfirmed: list[Packet] = []
        inputs = predictor.manifest["signatures"]["predict"]["inputs"]
        self.shape = tuple(inputs["stamps"]["shape"][1:])

    def stop(self) -> None:
        """Ends the run after the batch in hand; safe in a signal handler."""
        self.stopping = True

    def run(self, *, progress: Callable[[Account], None] | None = None) -> Account:
        """Works until the source is exhausted or `stop` is called."""
        start = time.monotonic()
        while not self.stopping:
            packets = self.source.poll(self.batch, MOST_WAIT_SECONDS)
            if packets:
                self.handle(packets)
                self.account.seconds = time.monotonic() - start
                if progress:
                    progress(self.account)
            elif self.source.exhausted:
                break
            elif self.sink.due:
                self.settle()
        self.settle()
        self.account.seconds = time.monotonic() - start
        return self.account

    def handle(self, packets: Sequence[Packet]) -> None:
        """Classifies and writes one batch; confirms it once the sink has flushed."""
        alerts: list[Alert] = []
        rejected: list[Rejected] = []
        for packet in packets:
            self._decode(packet, alerts, rejected)
        rows = self._classify(alerts) if alerts else []
        self.sink.write(rows, rejected)
        # Their bytes are dealt with, and would fill the memory until a late flush.
        self._unconfirmed += [replace(packet, data=b"") for packet in packets]
        if self.sink.due:
            self.settle()
        self.account.packets += len(packets)
        self.account.alerts += len(alerts) + len(rejected)
        self.account.written += len(rows)
        self.account.rejected += len(rejected)

    def settle(self) -> None:
        """Flushes the sink and confirms to the source what it holds."""
        if self._unconfirmed:
            self.sink.flush()
            self.source.confirm(self._unconfirmed)
            self._unconfirmed = []

    def _decode(self, packet: Packet, alerts: list, rejected: list) -> None:
        count = 0
        try:
            for record in read_packets(packet.data, self.schemas, lean=True):
                count += 1
                try:
                    alert = read_alert(record)
                    if alert.stamps.shape != self.shape:
                        raise DataError(
                            f"expected stamps of {self.shape[0]} pixels, found "
                            f"{alert.stamps.shape[0]} of {alert.survey}"
                        )
                    alerts.append(alert)
                except DataError as error:
                    rejected.append((packet.name, str(error), packet.data))
            if not count:
                raise DataError("expected a record, found none")
        except DataError as error:
            rejected.append((packet.name, str(error), packet.data))

    def _classify(self, alerts: Sequence[Alert]) -> list[dict[str, Any]]:
        inputs = {
            "stamps": np.stack([alert.stamps for alert in alerts]),
            "metadata": np.stack([alert.metadata for alert in alerts]),
        }
        outputs = self.predictor.run("predict", inputs, batch_size=self.batch)
        if self.drift is not None:
            self.drift.add(inputs, outputs)
        columns = {
            name: values.tolist() for name, values in outputs.items() if name != "z"
        }
        flags = alert_flags(inputs).tolist()
        return [self._row(a, columns, flags[i], i) for i, a in enumerate(alerts)]

    def _row(self, alert: Alert, columns, flags: str, index: int) -> dict[str, Any]:
        values = {name: column[index] for name, column in columns.items()}
        number = round(values.pop("class_index"))
        return {
            "id": alert.id,
            "object": alert.group,
            "mjd": alert.mjd if np.isfinite(alert.mjd) else None,
            "band": alert.band,
            "survey": alert.survey,
            "class": self.predictor.manifest["classes"][number],
            "abstains": values.pop("abstains") > 0.5,
            "is_anomaly": values.pop("is_anomaly") > 0.5,
            **{name: round(value, 6) for name, value in values.items()},
            "quality": flags,
        }
