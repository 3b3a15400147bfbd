"""Alerts through `kastro stream`, from Avro bytes to rows on disk: rate, delay, memory.

Real packets are replayed from memory; decoding, preprocessing, classification, JSON and
the sink's sync are counted, reading packets from disk is not.

- Alerts a second of CPU, where each packet carries its schema, and where none does.
- With `--run`, the same of the plain stack: fastavro, gzip and astropy, `predict` of
  the run's Keras model, and JSON.
- With `--paced`, alerts arrive at the rate that Rubin sends them; the delay is
  from the arrival of a packet until its row is on disk.
- With `--realtime`, all of it before ordinary processes, as `kastro stream --realtime`.
- With `--soak`, resident memory over a long replay.

    python benchmarks/alert_stream.py alerts.tflite PACKETS_FOLDER --run runs/alerts
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

for _name in ("OMP_NUM", "OPENBLAS_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
    os.environ[f"{_name}_THREADS"] = "1"

import fastavro  # noqa: E402
import numpy as np  # noqa: E402

from keras_astro.data.readers.avro import Schemas  # noqa: E402
from keras_astro.inference.predictor import open_predictor  # noqa: E402
from keras_astro.inference.priority import run_before_others  # noqa: E402
from keras_astro.inference.stream import AlertStream  # noqa: E402
from keras_astro.inference.stream_sink import JsonLinesSink  # noqa: E402
from keras_astro.inference.stream_source import Packet, PacketSource  # noqa: E402

PAGE = os.sysconf("SC_PAGE_SIZE")
# Alerts a second that Rubin sends while it observes.
SUSTAINED = 280.0
CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
# The start of a soak, in which caches fill.
WARM_UP = 0.02


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


class Paced(Replay):
    """Packets that arrive at a steady rate, as from a broker."""

    def __init__(self, data: Sequence[bytes], rows: int, rate: float):
        super().__init__(data, rows)
        self.arrival = time.monotonic() + np.arange(rows) / rate
        self.delays: list[float] = []

    def poll(self, count, seconds):
        wanted = min(self.sent + count, self.rows) - 1
        now = time.monotonic()
        until = min(now + seconds, self.arrival[max(wanted, 0)])
        time.sleep(max(until - now, 0.0))
        here = int(np.searchsorted(self.arrival, time.monotonic(), side="right"))
        return super().poll(min(count, here - self.sent), seconds)

    def confirm(self, packets):
        now = time.monotonic()
        self.delays += [now - self.arrival[int(packet.name)] for packet in packets]


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def anonymous_mb() -> float:
    """What of it is the process' own: a machine short of memory drops files' pages."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return int(found["RssAnon"].split()[0]) / 1024


@contextlib.contextmanager
def stream_of(predictor, source: PacketSource, *, schemas, batch: int):
    """A stream from a source into a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        sink = JsonLinesSink(Path(folder))
        options = {"batch": batch} | ({"schemas": schemas} if schemas else {})
        yield AlertStream(predictor, source, sink, **options)
        sink.close()


def replayed(predictor, data, rows: int, **options) -> dict[str, float]:
    """Rate and account of one replay."""
    with stream_of(predictor, Replay(data, 256), **options) as stream:
        stream.run()
    with stream_of(predictor, Replay(data, rows), **options) as stream:
        start = time.process_time()
        stream.run()
        seconds = time.process_time() - start
    return {
        "alerts_per_cpu_second": stream.account.alerts / seconds,
        "rejected": stream.account.rejected,
        "balanced": stream.account.balanced,
    }


def paced(predictor, data, rows: int, **options) -> dict[str, float]:
    """Delay of alerts that arrive at the rate of a survey."""
    source = Paced(data, rows, SUSTAINED)
    with stream_of(predictor, source, **options) as stream:
        stream.run()
    milliseconds = 1e3 * np.array(source.delays)
    found = {"alerts": len(milliseconds), "alerts_per_second": SUSTAINED}
    for percent in (50, 99, 100):
        found[f"delay_p{percent}_ms"] = float(np.percentile(milliseconds, percent))
    return found


def soaked(predictor, data, rows: int, **options) -> dict[str, float]:
    """Resident memory over a long replay, against that when its start was over."""
    memory = []
    with stream_of(predictor, Replay(data, rows), **options) as stream:
        stream.run(progress=lambda _: memory.append((resident_mb(), anonymous_mb())))
    start = memory[int(WARM_UP * len(memory))]
    found = {"alerts": stream.account.alerts, "balanced": stream.account.balanced}
    for name, first, last in zip(
        ("resident", "anonymous"), start, memory[-1], strict=True
    ):
        found |= {
            f"{name}_mb_first": first,
            f"{name}_mb_last": last,
            f"{name}_growth": last / first - 1,
        }
    return found


def plain(run: Path, data, rows: int, *, batch: int) -> dict[str, float]:
    """Rate of what is written in an afternoon: one library a step, batch by batch."""
    from astropy.io import fits

    from keras_astro.training.run import Run

    model = Run.open(run).load_model()

    def pixels(packed: bytes) -> np.ndarray:
        with fits.open(io.BytesIO(gzip.decompress(packed))) as file:
            return file[0].data.astype("float32")

    def rows_of(packets) -> list[str]:
        records = [next(fastavro.reader(io.BytesIO(packet))) for packet in packets]
        stamps = np.stack(
            [
                np.stack([pixels(r[name]["stampData"]) for name in CUTOUTS], axis=-1)
                for r in records
            ]
        )
        found = model.predict({"stamps": stamps}, verbose=0, batch_size=batch)
        return [
            json.dumps({"id": r["candid"], "class": int(found["class_index"][i])})
            for i, r in enumerate(records)
        ]

    source = Replay(data, rows)
    rows_of(data[:batch])
    with tempfile.TemporaryFile("w") as file:
        start = time.process_time()
        while not source.exhausted:
            lines = rows_of([packet.data for packet in source.poll(batch, 0.0)])
            file.writelines(f"{line}\n" for line in lines)
        seconds = time.process_time() - start
    return {"alerts_per_cpu_second": rows / seconds}


def whole(data: Sequence[bytes]) -> list[bytes]:
    """Packets whose cutouts the plain stack can stack: not cut off at an edge."""
    kept = []
    for packet in data:
        record = next(fastavro.reader(io.BytesIO(packet)))
        images = [gzip.decompress(record[name]["stampData"]) for name in CUTOUTS]
        if all(image.count(b"63 ", 0, 2880) == 2 for image in images):
            kept.append(packet)
    return kept


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
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artefact", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--paced", type=int, default=0, metavar="ALERTS")
    parser.add_argument("--soak", type=int, default=0, metavar="ALERTS")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--pattern", default="[0-9]*.avro")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.realtime:
        run_before_others()
    predictor = open_predictor(options.artefact)
    files = sorted(options.folder.glob(options.pattern))
    data = [file.read_bytes() for file in files]
    packets, schemas = bare(data)
    settings = {"batch": options.batch}
    found = {
        "embedded": replayed(predictor, data, options.rows, schemas=None, **settings),
        "bare": replayed(predictor, packets, options.rows, schemas=schemas, **settings),
    }
    settings["schemas"] = schemas
    if options.paced:
        found["paced"] = paced(predictor, packets, options.paced, **settings)
    if options.soak:
        found["soak"] = soaked(predictor, packets, options.soak, **settings)
    if options.run:
        # Last: TensorFlow would be in the memory that is measured above.
        found["plain"] = plain(
            options.run, whole(data), options.rows // 2, batch=options.batch
        )
        slow = found["plain"]["alerts_per_cpu_second"]
        for name in ("embedded", "bare"):
            found[name]["times_plain"] = found[name]["alerts_per_cpu_second"] / slow
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for name, values in found.items():
        print(f"{name:9s}", {k: round(v, 4) for k, v in values.items()})


if __name__ == "__main__":
    main()
