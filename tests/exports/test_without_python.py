"""A C program, with no Python in it, gets the same scores from a SavedModel."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).with_name("load_saved_model.c")


@pytest.fixture(scope="session")
def loader(tmp_path_factory):
    """The program, linked against the C library in TensorFlow's wheel."""
    import tensorflow as tf

    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler: cc is not on the path")
    program = tmp_path_factory.mktemp("loader") / "load_saved_model"
    folder = Path(tf.sysconfig.get_lib())
    libraries = [f"-l:{path.name}" for path in sorted(folder.glob("libtensorflow_*"))]
    assert libraries
    command = [compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", str(SOURCE)]
    command += ["-isystem", tf.sysconfig.get_include(), "-o", str(program)]
    command += [f"-L{folder}", *libraries, f"-Wl,-rpath,{folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def call(loader, version, output, inputs, folder):
    words = []
    for name, values in inputs.items():
        values.tofile(folder / name)
        words.append(f"{name}={folder / name}")
    rows = len(next(iter(inputs.values())))
    command = [loader, version, "serving_default", output, rows, *words]
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )


def golden(folder, dtypes):
    """Inputs of the golden request in columns, and its outputs."""
    texts = [
        (folder / "golden" / f"predict.columns.{kind}.json").read_text()
        for kind in ("request", "response")
    ]
    request, response = map(json.loads, texts)
    columns = request["inputs"]
    if not isinstance(columns, dict):
        columns = {next(iter(dtypes)): columns}
    inputs = {name: np.asarray(columns[name], dtypes[name]) for name in dtypes}
    return inputs, response["outputs"]


@pytest.mark.parametrize("case", ["lensing", "stellar", "cgm", "alerts", "galaxies"])
def test_scores_are_the_same_without_python(loader, saved_case, case, tmp_path):
    folder, manifest = saved_case(case)
    specs = manifest["signatures"]["predict"]
    dtypes = {name: spec["dtype"] for name, spec in specs["inputs"].items()}
    inputs, outputs = golden(folder, dtypes)
    output = "flux" if case == "galaxies" else "score"
    done = call(loader, folder / case / "1", output, inputs, tmp_path)
    assert done.returncode == 0, done.stderr
    found = np.array(done.stdout.split(), float)
    np.testing.assert_allclose(found, outputs[output], rtol=1e-6, atol=1e-6)


def test_a_damaged_model_is_an_error_and_no_score(loader, saved_case, tmp_path):
    folder, _ = saved_case("lensing")
    shutil.copytree(folder / "lensing" / "1", tmp_path / "1")
    graph = tmp_path / "1" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])
    images = {"image": np.zeros((1, 64, 64, 1), "float32")}
    done = call(loader, tmp_path / "1", "score", images, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr
