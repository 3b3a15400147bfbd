"""Damaged alert packets: every one is read or rejected with a reason, none crashes.

Packets are mutated by flipped, deleted, repeated and replaced bytes, also inside of
their compressed cutouts, and by truncation.

    python benchmarks/alert_fuzz.py PACKETS_FOLDER --rows 20000 --json
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import time
from pathlib import Path

import numpy as np

from keras_astro.data.readers.alert_packet import read_alert
from keras_astro.data.readers.avro import read_packets
from keras_astro.errors import DataError


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One damaged copy of a packet."""
    kind = rng.choice(["flip", "delete", "repeat", "replace", "truncate", "inside"])
    where = int(rng.integers(len(data)))
    size = int(rng.integers(1, 40))
    if kind == "truncate":
        return data[:where]
    if kind == "delete":
        return data[:where] + data[where + size :]
    if kind == "repeat":
        return data[:where] + data[where : where + size] + data[where:]
    if kind == "inside":
        return inside(data, rng)
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        where = int(rng.integers(len(data)))
        if kind == "flip":
            changed[where] ^= 1 << int(rng.integers(8))
        else:
            changed[where] = int(rng.integers(256))
    return bytes(changed)


def inside(data: bytes, rng: np.random.Generator) -> bytes:
    """Replaces a byte of a cutout's plain FITS and packs it to the same length."""
    start = data.find(b"\x1f\x8b\x08")
    if start < 0:
        return data[: len(data) // 2]
    end = data.find(b"\x1f\x8b\x08", start + 3)
    packed = data[start : end if end > 0 else len(data)]
    for length in (len(packed), len(packed) - 2):
        try:
            plain = bytearray(gzip.decompress(packed[:length]))
        except (OSError, EOFError):
            continue
        plain[int(rng.integers(min(len(plain), 2880)))] = int(rng.integers(256))
        again = gzip.compress(bytes(plain))
        return data[:start] + again + data[start + length :]
    return data[:start] + bytes(rng.integers(0, 256, 20, np.uint8)) + data[start + 20 :]


def fuzz(seeds: list[bytes], rows: int, *, seed: int) -> dict:
    """Reads `rows` damaged packets and counts what becomes of them."""
    rng = np.random.default_rng(seed)
    counts = {"mutated": rows, "read": 0, "rejected": 0}
    reasons: collections.Counter = collections.Counter()
    for number in range(rows):
        data = mutate(seeds[number % len(seeds)], rng)
        try:
            alerts = [read_alert(record) for record in read_packets(data, lean=True)]
            if not alerts:
                raise DataError("expected a record, found none")
            counts["read"] += 1
        except DataError as error:
            counts["rejected"] += 1
            reasons[" ".join(str(error).split()[:7])] += 1
    return counts | {"reasons": dict(reasons.most_common())}


def main() -> None:
    """Prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seeds = [file.read_bytes() for file in sorted(options.folder.glob("*.avro"))]
    start = time.process_time()
    found = fuzz(seeds, options.rows, seed=options.seed)
    found["cpu_seconds"] = round(time.process_time() - start, 1)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print(", ".join(f"{found[k]} {k}" for k in ("mutated", "read", "rejected")))
    for reason, count in list(found["reasons"].items())[:15]:
        print(f"{count:6d}  {reason}")


if __name__ == "__main__":
    main()
