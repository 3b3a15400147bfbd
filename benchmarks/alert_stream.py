"""Alerts a second of CPU through `kastro stream`, from Avro bytes to rows on disk.

Real packets are replayed in memory; decoding, preprocessing, classification, JSON and
the sink's sync are counted, reading packets from disk is not. Once each packet carries
its schema, once none does. The growth of resident memory is measured over the second
half of the replay.

    python benchmarks/alert_stream.py alerts.tflite PACKETS_FOLDER --rows 5000 --json
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

for _name in ("OMP", "OPENBLAS"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import fastavro  # noqa: E402

from keras_astro.data.readers.avro import Schemas  # noqa: E402
from keras_astro.inference.predictor import open_predictor  # noqa: E402
from keras_astro.inference.stream import AlertStream  # noqa: E402
from keras_astro.inference.stream_sink import JsonLinesSink  # noqa: E402
from keras_astro.inference.stream_source import Packet, PacketSource  # noqa: E402

PAGE = os.sysconf("SC_PAGE_SIZE")


class Replay(PacketSource):
    """The same packets again and again, from memory."""

    def __init__(self, data: Sequence[bytes], rows: int):
        self.data = data
        self.rows = rows
        self.sent = 0

    @property
    def exhausted(self):
        return self.sent >= self.rows

    def poll(self, count, seconds):
        stop = min(self.sent + count, self.rows)
        numbers = range(self.sent, stop)
        self.sent = stop
        return [Packet(str(n), self.data[n % len(self.data)]) for n in numbers]

    def confirm(self, packets):
        pass

    def close(self):
        pass


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def replayed(predictor, data, rows: int, *, schemas, batch: int) -> dict[str, float]:
    """Rate and memory of one replay."""
    with tempfile.TemporaryDirectory() as folder:
        sink = JsonLinesSink(Path(folder))
        options = {"batch": batch} | ({"schemas": schemas} if schemas else {})
        AlertStream(predictor, Replay(data, 4 * batch), sink, **options).run()
        stream = AlertStream(predictor, Replay(data, rows), sink, **options)
        memory = []
        start = time.process_time()
        stream.run(progress=lambda _: memory.append(resident_mb()))
        seconds = time.process_time() - start
        sink.close()
    half = memory[len(memory) // 2]
    return {
        "alerts_per_cpu_second": stream.account.alerts / seconds,
        "rejected": stream.account.rejected,
        "balanced": stream.account.balanced,
        "resident_mb": memory[-1],
        "resident_growth": memory[-1] / half - 1,
    }


def bare(data: Sequence[bytes]) -> tuple[list[bytes], Schemas]:
    """The packets of the most common schema, without it."""
    by_schema: dict[str, list] = {}
    schemas = {}
    for packet in data:
        reader = fastavro.reader(io.BytesIO(packet))
        key = json.dumps(reader.writer_schema, sort_keys=True, default=str)
        by_schema.setdefault(key, []).extend(reader)
        schemas[key] = reader.writer_schema
    key = max(by_schema, key=lambda name: len(by_schema[name]))
    packets = []
    for record in by_schema[key]:
        file = io.BytesIO()
        fastavro.schemaless_writer(file, fastavro.parse_schema(schemas[key]), record)
        packets.append(file.getvalue())
    return packets, Schemas(json.loads(key))


def main() -> None:
    """Prints both replays."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artefact", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--pattern", default="[0-9]*.avro")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    predictor = open_predictor(options.artefact)
    files = sorted(options.folder.glob(options.pattern))
    data = [file.read_bytes() for file in files]
    packets, schemas = bare(data)
    settings = {"batch": options.batch}
    found = {
        "embedded": replayed(predictor, data, options.rows, schemas=None, **settings),
        "bare": replayed(predictor, packets, options.rows, schemas=schemas, **settings),
    }
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for name, values in found.items():
        print(f"{name:9s}", {k: round(v, 4) for k, v in values.items()})


if __name__ == "__main__":
    main()
