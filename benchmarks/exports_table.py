"""What each export of each case weighs, keeps and takes: one table.

Five runs are trained for a moment, by the presets' recipes at full size of the network
and few rows and epochs: sizes and times depend on the network alone, while parity and
losses are those of such a run. Each is exported in every format through all gates, and
every artefact is timed in a fresh process with one thread, beside Keras' own `predict`
of the same run. A time is the least of the calls of some seconds, because the machine
may have other work.

    python benchmarks/exports_table.py --runs FOLDER [CASE...]

Finished runs and exports in the folder are taken as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

QUICK = {
    "lensing": ["data.simulated_rows=800", "train.epochs=4"],
    "stellar": ["data.simulated_rows=800", "train.epochs=4"],
    "cgm": ["data.simulated_rows=600", "train.epochs=6"],
    "alerts": ["data.simulated_rows=800", "train.epochs=2", "classifier.epochs=2"],
    "galaxies": [
        "data.simulated_rows=300",
        "train.epochs=2",
        "streaming.rows_per_epoch=1536",
    ],
}
FORMATS = {
    "SavedModel": ("saved_model", None),
    "TFLite float32": ("tflite", "none"),
    "TFLite float16": ("tflite", "float16"),
    "TFLite int8": ("tflite", "int8"),
    "ONNX": ("onnx", None),
}
KERAS = "Keras `predict`"
BATCHES = (1, 64)
SECONDS = 1.0
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

# Runs in a fresh process: kind, artefact, rows and seconds; prints a JSON line.
TIMED = """
import json, sys, time
from pathlib import Path
import numpy as np
kind, path, rows, seconds = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
rows = dict(np.load(rows))
if kind == "tflite":
    import ai_edge_litert.interpreter
elif kind == "onnx":
    import onnxruntime
else:
    import tensorflow
if kind == "keras":
    import keras_astro.tasks.lensing
    from keras_astro.tasks.catalog import get_task
    from keras_astro.training.run import Run
start = time.perf_counter()
if kind == "keras":
    run = Run.open(path)
    endpoint = get_task(run.config.task).endpoints(run.load_model())["predict"]
    call = lambda x: endpoint.predict(x, verbose=0, batch_size=64)
else:
    from keras_astro.inference.predictor import open_predictor
    predictor = open_predictor(path)
    call = lambda x: predictor.call("predict", x)
one = {k: v[:1] for k, v in rows.items()}
call(one)
found = {"load_s": time.perf_counter() - start}
for batch in (1, 64):
    some = {k: v[:batch] for k, v in rows.items()}
    call(some)
    times, end = [], time.perf_counter() + float(seconds)
    while len(times) < 5 or time.perf_counter() < end:
        begin = time.perf_counter()
        call(some)
        times.append(time.perf_counter() - begin)
    found[f"b{batch}_ms"] = 1e3 * min(times)
print(json.dumps(found))
"""


def trained(case: str, folder: Path):
    """A finished run of a case, and its rows in parts."""
    from keras_astro.inference.presets import recipe
    from keras_astro.tasks.catalog import get_task, load_config
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.training.run import Run
    from keras_astro.training.train import load_or_make_split, make_parts, train

    task, config = get_task(case), load_config(str(recipe(case)), QUICK[case])
    rows = open_rows(task, config, story=print)
    run = Run.create(folder / case, config, resume=True)
    train(task, rows, run)
    return run, make_parts(rows, load_or_make_split(rows, run, config))


def exported(run, parts, label: str, folder: Path) -> tuple[Path | None, dict]:
    """The artefact and its verification; none, and the reason, where it is refused."""
    from keras_astro.errors import KastroError
    from keras_astro.exports.export import export_run, rows_to_verify

    fmt, quantize = FORMATS[label]
    place = folder / f"{run.path.name}-{label.replace(' ', '-')}"
    record = folder / f"{place.name}.json"
    if record.is_file():
        found = json.loads(record.read_text())
        return found["path"] and Path(found["path"]), found
    try:
        result = export_run(
            run,
            parts.calibration,
            rows_to_verify(parts),
            validation=parts.validation,
            fmt=fmt,
            quantize=quantize,
            out_dir=place,
            story=print,
        )
    except KastroError as error:
        found = {"path": None, "reason": str(error)}
    else:
        path = str(result.path)
        found = {"path": path, "size_bytes": result.size_bytes, **result.verification}
    record.write_text(json.dumps(found))
    return found["path"] and Path(found["path"]), found


def timed(kind: str, path: Path, rows: Path) -> dict[str, float]:
    """Load time and latencies of a model, in a process of its own."""
    words = [sys.executable, "-c", TIMED, kind, str(path), str(rows), str(SECONDS)]
    done = subprocess.run(
        words, env=os.environ | ONE_THREAD, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{path}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measured(case: str, folder: Path, labels: list[str]) -> list[dict]:
    """The rows of the table that are a case's, of the named formats."""
    from keras_astro.inference.held_out import held_out_rows, model_inputs
    from keras_astro.inference.manifest import from_run
    from keras_astro.tasks.catalog import model_rows

    run, parts = trained(case, folder)
    manifest = from_run(run.path)
    sample = held_out_rows(model_rows(parts.train, manifest), BATCHES[-1])
    specs = manifest["signatures"]["predict"]["inputs"]
    inputs = model_inputs(sample, specs)
    rows = folder / f"{case}.npz"
    np.savez(rows, **inputs)
    lines = [{"case": case, "label": KERAS, **timed("keras", run.path, rows)}]
    for label in labels:
        fmt = FORMATS[label][0]
        path, found = exported(run, parts, label, folder)
        line = {"case": case, "label": label, "verification": found}
        if path:
            line |= timed(fmt, path, rows)
        lines.append(line)
        print(json.dumps({k: v for k, v in line.items() if k != "verification"}))
    return lines


def as_table(lines: list[dict]) -> str:
    """Markdown; ratios are to the same case's Keras and SavedModel at batch 1."""
    head = "case", "artefact", "MB", "load s", "parity", "metric loss", "flips"
    head += "batch 1 ms", "batch 64 ms", "x Keras", "x SavedModel"
    text = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for line in lines:
        found = line.get("verification", {})
        if "b1_ms" not in line:
            text.append(f"| {line['case']} | {line['label']} | {found['reason']} |")
            continue
        same = {o["label"]: o for o in lines if o["case"] == line["case"]}
        cells = [line["case"], line["label"], *_kept(found)]
        cells.insert(3, f"{line['load_s']:.2f}")
        cells += [f"{line['b1_ms']:.3g}", f"{line['b64_ms']:.3g}"]
        for rival in (KERAS, "SavedModel"):
            cells.append(f"{same[rival]['b1_ms'] / line['b1_ms']:.3g}")
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text)


def _kept(found: dict) -> list[str]:
    if not found:
        return ["", "", "", ""]
    parts = [
        v["rms_over_sd"]
        for k, v in found["outputs"].items()
        if k.startswith("predict/") and "rms_over_sd" in v
    ]
    losses = [v for k, v in found.items() if k.endswith("_loss")]
    loss = f"{max(losses):.4f}" if losses else "-"
    flags = any("changed_fraction" in v for v in found["outputs"].values())
    flips = f"{found['flips']:.2%}" if flags else "-"
    return [f"{found['size_bytes'] / 1e6:.2f}", f"{max(parts):.1e}", loss, flips]


def main() -> None:
    """Trains, exports and times what is not there yet, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(QUICK))
    parser.add_argument("--runs", type=Path, required=True, help="scratch folder")
    parser.add_argument("--without", nargs="*", default=[], choices=list(FORMATS)[1:])
    words = parser.parse_args()
    labels = [label for label in FORMATS if label not in words.without]
    words.runs.mkdir(parents=True, exist_ok=True)
    os.environ |= ONE_THREAD | {"KASTRO_CACHE": str(words.runs / "cache")}
    lines = [
        line for case in words.cases for line in measured(case, words.runs, labels)
    ]
    record = words.runs / f"table-{'-'.join(words.cases)}.json"
    record.write_text(json.dumps(lines, indent=1))
    print(as_table(lines))


if __name__ == "__main__":
    main()
