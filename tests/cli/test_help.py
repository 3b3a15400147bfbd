"""Help costs nothing: no numpy, no TensorFlow, and every verb in it."""

import json
import subprocess
import sys

import pytest

VERBS = (
    "tasks",
    "simulate",
    "data",
    "tune",
    "train",
    "launch",
    "finetune",
    "evaluate",
    "predict",
    "stream",
    "export",
    "import-h5",
    "serve",
    "inspect",
    "runs",
    "explore",
    "doctor",
)
HEAVY = ("numpy", "pydantic", "h5py", "astropy", "tensorflow", "keras", "rich")

LOADED = """
import contextlib, io, json, sys
from keras_astro.cli.main import main
sys.argv = ["kastro", "--help"]
shown = io.StringIO()
with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
    main()
print(json.dumps({"help": shown.getvalue(), "modules": sorted(sys.modules)}))
"""

# An importer in front of all others, that knows nothing of these packages.
WITHOUT = """
import contextlib, io, json, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "keras_tuner", "galsim"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from keras_astro.cli.main import main
shown = {}
for line in json.loads(sys.argv[1]):
    sys.argv = ["kastro", *line]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    shown[" ".join(line)] = code, out.getvalue(), err.getvalue()
print(json.dumps(shown))
"""


def python(code, *words, cwd=None):
    run = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def front():
    return python(LOADED)


def test_help_lists_every_verb(front):
    listed = [line.split()[0] for line in front["help"].splitlines() if line.strip()]
    assert listed[-len(VERBS) :] == list(VERBS)


def test_help_loads_no_heavy_package(front):
    assert set(HEAVY).isdisjoint(front["modules"])


def test_help_loads_no_verb(front):
    verbs = {f"keras_astro.cli.{verb.replace('-', '_')}" for verb in VERBS}
    assert verbs.isdisjoint(front["modules"])


@pytest.fixture(scope="module")
def without_tensorflow(tmp_path_factory):
    lines = [[verb, "--help"] for verb in VERBS]
    lines += [["tasks"], ["train", "lensing"], ["tune", "lensing"]]
    lines += [["simulate", "lensing", "-n", "5", "-o", "a.h5"]]
    folder = tmp_path_factory.mktemp("without")
    return python(WITHOUT, json.dumps(lines), cwd=folder), folder


@pytest.mark.parametrize("verb", VERBS)
def test_each_verbs_help_needs_no_tensorflow(without_tensorflow, verb):
    code, out, err = without_tensorflow[0][f"{verb} --help"]
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: kastro {verb} ")


def test_the_engine_of_each_case_is_told_rightly():
    from keras_astro.cli.tune import tune
    from keras_astro.tasks.catalog import CATALOG, load_config

    told = next(option.help for option in tune.params if option.name == "oracle")
    assert told.endswith("the case's own (hyperband; grid for cgm).")
    own = {name: load_config(name).tune.oracle for name in CATALOG}
    assert own == dict.fromkeys(own, "hyperband") | {"cgm": "grid"}


def test_the_cases_are_listed_without_tensorflow(without_tensorflow):
    code, out, _ = without_tensorflow[0]["tasks"]
    assert code == 0
    assert out.startswith("lensing ")


@pytest.mark.parametrize(
    "line", ["train lensing", "tune lensing", "simulate lensing -n 5 -o a.h5"]
)
def test_what_needs_tensorflow_names_the_extra(without_tensorflow, line):
    shown, folder = without_tensorflow
    code, out, err = shown[line]
    assert (code, out) == (3, "")
    assert err.startswith("kastro: ")
    assert "keras-astro[train]" in err
    assert "Traceback" not in err
    assert list(folder.iterdir()) == []
