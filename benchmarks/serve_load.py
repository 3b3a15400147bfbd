"""Errors and waiting times of `kastro serve` under concurrent clients.

The server is a process of its own; each client keeps a connection and asks one row at a
time, the next when the last is answered. An answer that is not the artefact's own is
an error. Clients are threads of one process that shares the machine with the server:
the times are upper bounds.

    python benchmarks/serve_load.py preset:lensing ROWS.h5 --requests 10000 --clients 16
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_astro.data.readers import open_many
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.presets import resolve_preset
from keras_astro.tasks.catalog import model_rows, schema

DISTINCT = 64
START = "from keras_astro.cli.main import main; main()"


@contextlib.contextmanager
def serving(artefact: str) -> Iterator[tuple[int, str, int]]:
    """A server's port, the name of its model, and its process id."""
    command = [sys.executable, "-c", START, "serve", artefact, "--rest-port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if found := re.search(r":(\d+)/v1/models/(\w+):predict", line):
                break
        else:
            raise SystemExit("the server did not start")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield int(found[1]), found[2], process.pid
    finally:
        process.terminate()
        process.wait()


def requests_of(artefact: str, rows: str) -> tuple[list[bytes], np.ndarray, str]:
    """Bodies of one row each, what is to be answered, and the output compared."""
    predictor = open_predictor(resolve_preset(artefact))
    source = open_many([rows], schema(predictor.manifest["task"]))
    sample = model_rows(source, predictor.manifest).read(0, DISTINCT)
    signature = predictor.manifest["signatures"]["predict"]
    inputs = {name: sample.inputs[name] for name in signature["inputs"]}
    output = "score" if "score" in signature["outputs"] else min(signature["outputs"])
    bodies = [
        json.dumps({"inputs": {k: v[i : i + 1].tolist() for k, v in inputs.items()}})
        for i in range(len(sample))
    ]
    wanted = predictor.run("predict", inputs)[output]
    return [body.encode() for body in bodies], wanted, output


class Client:
    """Asks until the requests are used up."""

    def __init__(self, port: int, path: str, turns: Iterator[int]):
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.path = path
        self.turns = turns
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def __call__(self, bodies, wanted, output) -> Client:
        for turn in self.turns:
            row = turn % len(bodies)
            start = time.perf_counter()
            try:
                self.line.request("POST", self.path, bodies[row])
                response = self.line.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                self.line.close()
                continue
            self.seconds.append(time.perf_counter() - start)
            if response.status != 200:
                self.errors.append(f"{response.status}: {content[:200]!r}")
                continue
            found = json.loads(content)["outputs"][output][0]
            if not np.allclose(found, wanted[row], rtol=1e-5, atol=1e-6):
                self.errors.append(f"row {row}: {found}, expected {wanted[row]}")
        self.line.close()
        return self


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Prints the figures as JSON; exits with 1 if there were errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artefact")
    parser.add_argument("rows")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    made = requests_of(options.artefact, options.rows)
    # next() of a range iterator is one step of the interpreter: no turn is taken twice.
    turns = iter(range(options.requests))
    with serving(options.artefact) as (port, name, pid):
        path, before = f"/v1/models/{name}:predict", cpu_seconds(pid)
        clients = [Client(port, path, turns) for _ in range(options.clients)]
        start = time.perf_counter()
        with ThreadPoolExecutor(options.clients) as pool:
            asked = [pool.submit(client, *made) for client in clients]
        wall, used = time.perf_counter() - start, cpu_seconds(pid) - before
    done = [future.result() for future in asked]
    seconds = np.array(list(itertools.chain(*(client.seconds for client in done))))
    errors = list(itertools.chain(*(client.errors for client in done)))
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1e3
    figures = {
        "answered": len(seconds),
        "errors": len(errors),
        "first_errors": errors[:3],
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "max_ms": round(seconds.max() * 1e3, 1),
        "requests_per_second": round(len(seconds) / wall, 1),
        "server_cpu_ms_per_request": round(used / len(seconds) * 1e3, 2),
    }
    print(json.dumps(figures, indent=1))
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
