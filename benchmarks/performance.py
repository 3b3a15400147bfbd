"""The whole performance table: every benchmark in its short form, one after the other.

Each line is a ratio measured in one run against a named rival or the machine's own
limit. Benchmarks are processes of their own, so that none warms or crowds another; one
that cannot run says why in its line, and the table ends with exit code 1.

    python benchmarks/performance.py --packets PACKETS_FOLDER \
        -o benchmarks/results/performance.md
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from keras_astro.inference.presets import resolve_preset

HERE = Path(__file__).parent
CASES = "lensing", "stellar", "cgm", "alerts", "galaxies"
VERSIONS = ("tensorflow", "keras", "numpy", "galsim", "ai-edge-litert")
HEADER = "| part | measured | against | ratio |\n| --- | --- | --- | --- |"


@dataclass(frozen=True)
class Line:
    """One line of the table: what, how much, against what, how many times that."""

    part: str
    measured: str
    rival: str
    ratio: str

    def __str__(self) -> str:
        return f"| {self.part} | {self.measured} | {self.rival} | {self.ratio} |"


@dataclass(frozen=True)
class Benchmark:
    """A script with the words of its short form, and the reader of its JSON.

    `file` is where it leaves its JSON, in the scratch folder, if not on stdout.
    `seconds` bounds it; a table that hangs tells nobody anything.
    """

    part: str
    words: tuple[str, ...]
    read: Callable[..., Iterator[Line]]
    file: str = ""
    seconds: float = 600.0

    def run(self, scratch: Path) -> list[Line]:
        """Its lines, or one that says why there are none."""
        words = [word.replace("SCRATCH", str(scratch)) for word in self.words]
        try:
            done = subprocess.run(
                [sys.executable, str(HERE / words[0]), *words[1:]],
                capture_output=True,
                text=True,
                timeout=self.seconds,
            )
        except subprocess.TimeoutExpired:
            return [unmeasured(self.part, f"not done in {self.seconds:.0f} s")]
        if done.returncode:
            last = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
            return [unmeasured(self.part, last[-1])]
        text = (scratch / self.file).read_text() if self.file else done.stdout
        return list(self.read(json.loads(text)))


def unmeasured(part: str, reason: str) -> Line:
    """A line without a figure."""
    return Line(part, f"not measured: {reason}", "", "")


def training_step(found: dict) -> Iterator[Line]:
    """Of `train_step.py`."""
    for case in found["cases"]:
        ours = case["rivals"]["jit off"]
        measured = f"{ours['median_ms']:.0f} ms, {case['gflop']:.1f} GFLOP"
        part = f"training step, {case['case']}"
        yield Line(part, measured, "float32 GEMM rate", f"{ours['of_gemm']:.2f}")
        bound = case["rivals"]["products alone"]["median_ms"] / ours["median_ms"]
        yield Line(part, measured, "its products alone", f"{bound:.2f}")
        if ours["times_pytorch_eager"]:
            speed = f"{ours['times_pytorch_eager']:.2f}"
            yield Line(part, measured, "PyTorch eager", speed)


def contraction(found: dict) -> Iterator[Line]:
    """Of `penalty.py`; a ratio is the time of the step over one without penalty."""
    for row in found["rows"]:
        if row["method"] != "none":
            part = f"contraction `{row['method']}`, {row['case']}"
            measured = f"{row['median_ms']:.0f} ms a step"
            yield Line(part, measured, "time without it", f"{row['ratio']:.2f}")


def against(part: str, rate: str, unit: str, rival: str) -> Callable:
    """Reader of a simulator's rates, ours first, and of the median of their ratio."""

    def read(found: dict) -> Iterator[Line]:
        ours = next(iter(found[rate].values()))["median"]
        ratio = found["ratio"]["median"]
        yield Line(part, f"{ours:,.0f} {unit}", rival, f"{ratio:.1f}")

    return read


def alerts(found: dict) -> Iterator[Line]:
    """Of `alert_simulator.py`."""
    rate = f"{found['alerts_per_cpu_second']:,.0f} a CPU second"
    yield Line("simulated alerts", rate, "GalSim one by one", f"{found['ratio']:.0f}")


def absorption(found: dict) -> Iterator[Line]:
    """Of `cgm_simulator.py`."""
    rate = f"{found['spectra_per_cpu_second']['single-cloud']:,.0f} a CPU second"
    for rival, ratio in found["ratios"].items():
        yield Line("simulated quasar spectra", rate, rival, f"{ratio:.0f}")


def out_of_memory(found: dict) -> Iterator[Line]:
    """Of `out_of_memory.py`; less than 1 is what a large file needs of the memory."""
    peak, size = found["peak_rss_gigabytes"], found["gigabytes"]
    measured = f"{peak:.2f} GB resident at most"
    yield Line("training on a large file", measured, "file", f"{peak / size:.3f}")


def exports(found: list[dict]) -> Iterator[Line]:
    """Of `exports_table.py`: the default format against its case's other forms."""
    milliseconds = {(r["case"], r["label"]): r["b1_ms"] for r in found if "b1_ms" in r}
    for (case, label), ours in milliseconds.items():
        if label != "TFLite float16":
            continue
        for rival in ("Keras `predict`", "SavedModel"):
            part, measured = f"inference, {case}, batch 1", f"{ours:.2f} ms"
            ratio = milliseconds[case, rival] / ours
            yield Line(part, measured, rival, f"{ratio:.1f}")


def stream(found: dict) -> Iterator[Line]:
    """Of `alert_stream.py`; Rubin sends 280 alerts a second on average."""
    for schema in ("embedded", "bare"):
        rate = found[schema]["alerts_per_cpu_second"]
        measured = f"{rate:,.0f} a CPU second"
        part = f"alert stream, schemas {schema}"
        yield Line(part, measured, "Rubin's mean rate", f"{rate / 280:.1f}")


def benchmarks(packets: Path | None) -> list[Benchmark]:
    """All of the table, from training to the stream."""
    dense = "dense 3501, batch 128"
    table = [
        Benchmark(
            "training step",
            ("train_step.py", "--case", dense, "--rounds", "3", "--json"),
            training_step,
        ),
        Benchmark(
            "contraction",
            ("penalty.py", "--case", "dense", "--no-exact", "--rounds", "3", "--json"),
            contraction,
        ),
        Benchmark(
            "training on a large file",
            ("out_of_memory.py", "--folder", "SCRATCH", "--json"),
            out_of_memory,
        ),
        Benchmark(
            "simulated lenses",
            ("lens_simulator.py", "--repeats", "3", "--json"),
            against("simulated lenses", "images_per_s", "images/s", "lenstronomy"),
        ),
        Benchmark(
            "simulated galaxies",
            ("galaxy_renderer.py", "--repeats", "3", "--json"),
            against("simulated galaxies", "images_per_cpu_s", "images/CPU s", "GalSim"),
        ),
        Benchmark("simulated alerts", ("alert_simulator.py", "--json"), alerts),
        Benchmark("simulated spectra", ("cgm_simulator.py", "--json"), absorption),
        Benchmark(
            "inference",
            ("exports_table.py", "--runs", "SCRATCH/exports", *CASES),
            exports,
            file=f"exports/table-{'-'.join(CASES)}.json",
            seconds=1800.0,
        ),
    ]
    if packets is not None:
        artefact = str(resolve_preset("preset:alerts"))
        words = ("alert_stream.py", artefact, str(packets), "--json")
        table.append(Benchmark("alert stream", words, stream))
    return table


def machine() -> str:
    """What the figures were measured on, in a sentence."""
    cores = len(os.sched_getaffinity(0))
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        names = [line.partition(":")[2] for line in lines if line.startswith("model n")]
        model = names[0].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{v} {importlib.metadata.version(v)}" for v in VERSIONS)
    today = datetime.date.today().isoformat()
    return (
        f"{today}; {cores} cores, {model}, {memory:.0f} GiB; Python "
        f"{platform.python_version()}, {versions}; load {os.getloadavg()[0]:.1f}."
    )


def main() -> None:
    """Runs all and prints the table line by line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packets", type=Path, help="Avro packets to replay")
    parser.add_argument(
        "--only", nargs="*", default=[""], help="only parts that have one of these"
    )
    parser.add_argument("-o", "--output", type=Path, help="write the table as well")
    words = parser.parse_args()
    lines: list[Line] = []
    print(f"{machine()}\n\n{HEADER}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for benchmark in benchmarks(words.packets):
            if not any(word in benchmark.part for word in words.only):
                continue
            found = benchmark.run(Path(scratch))
            lines += found
            print("\n".join(map(str, found)), flush=True)
    if words.output:
        text = "\n".join(map(str, lines))
        words.output.write_text(
            f"# Performance\n\n`python benchmarks/performance.py`. {machine()}\n\n"
            f"{HEADER}\n{text}\n"
        )
    sys.exit(any(line.measured.startswith("not measured") for line in lines))


if __name__ == "__main__":
    main()
