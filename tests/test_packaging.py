"""What is installed: every folder, one top level, and a base that works alone."""

import ast
import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_astro.registry import MODULES

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"keras_astro": "keras_astro"} | {
    folder: f"keras_astro.{folder}" for folder in ("tuning", "exports")
}
BUILT_FROM = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")

# Of the environment that docs/observatory.md makes, in the units of du, when its verbs
# were used: Python keeps the bytecode of what was imported.
MOST_MB = 260

# These must import in the observatory's install.
LIGHT_FOLDERS = ("cli", "data", "inference")
LIGHT_MODULES = (
    "keras_astro.config",
    "keras_astro.errors",
    "keras_astro.registry",
    "keras_astro.tasks.catalog",
    "keras_astro.tasks.alerts_config",
    "keras_astro.tasks.lensing_config",
)


def module_name(path: Path) -> str:
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([SOURCES[folder], *[part for part in rest if part != "__init__"]])


def sources() -> list[Path]:
    return [p for folder in SOURCES for p in sorted((ROOT / folder).rglob("*.py"))]


def light_modules() -> list[str]:
    folders = [ROOT / "keras_astro" / name for name in LIGHT_FOLDERS]
    inside = [module_name(p) for f in folders for p in sorted(f.rglob("*.py"))]
    return [*LIGHT_MODULES, *inside]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy so that no build folder is left in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for folder in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, copy / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(build, cwd=copy, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (copy / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def members(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_folder_is_listed():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    found = {module_name(p) for p in sources() if p.name == "__init__.py"}
    assert listed == sorted(set(listed))
    assert set(listed) == found


def test_no_module_is_outside_a_package():
    folders = {path.parent for path in sources()}
    assert [f for f in folders if not (f / "__init__.py").is_file()] == []


def test_the_wheel_has_one_top_level(members):
    tops = {name.split("/")[0] for name in members}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"keras_astro"}


def test_the_wheel_holds_every_module(members):
    wanted = {module_name(path) for path in sources()}
    paths = [Path(name) for name in members if name.endswith(".py")]
    found = {
        ".".join(part for part in path.with_suffix("").parts if part != "__init__")
        for path in paths
    }
    assert found == wanted
    assert "keras_astro/py.typed" in members


def test_the_wheel_holds_the_explorers_page(members):
    from keras_astro.explore.server import FILES

    assert {f"keras_astro/explore/page/{name}" for name in FILES} <= set(members)


def test_the_wheel_installs_the_command(members):
    (points,) = (n for n in members if n.endswith(".dist-info/entry_points.txt"))
    parser = configparser.ConfigParser()
    parser.read_string(members[points].decode())
    assert dict(parser["console_scripts"]) == {"kastro": "keras_astro.cli.main:main"}


def test_the_base_needs_no_tensorflow(members):
    (metadata,) = (n for n in members if n.endswith(".dist-info/METADATA"))
    lines = members[metadata].decode().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist:")]
    base = [line for line in needed if "extra ==" not in line]
    assert base
    assert not [line for line in base if "tensorflow" in line or "keras" in line]


def registering(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    return any(
        isinstance(node, ast.ClassDef)
        and any(ast.unparse(d).endswith("register()") for d in node.decorator_list)
        for node in ast.walk(tree)
    )


def test_every_module_of_registered_classes_is_known():
    found = {module_name(path) for path in sources() if registering(path)}
    assert set(MODULES) == found
    assert len(MODULES) == len(set(MODULES))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs a program of an environment made as at an observatory, without extras."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    programs = folder / "env" / "bin"
    # What the checkout exports to its own Python must not reach the fresh one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["KASTRO_CACHE"] = str(folder / "cache")

    def run(program, *words, timeout=60):
        command = [programs / program, *words]
        kept = {"cwd": folder, "env": environment, "timeout": timeout}
        return subprocess.run(command, capture_output=True, text=True, **kept)

    words = ["install", "--quiet", "--no-compile", wheel, "ai-edge-litert<2.1.1"]
    done = run("python", "-m", "pip", *words, timeout=400)
    assert done.returncode == 0, done.stderr
    run.folder = folder
    return run


@pytest.mark.network
@pytest.mark.skipif(not os.environ.get("CI"), reason="installs packages: set CI=1")
class TestFreshInstall:
    @pytest.mark.parametrize("words", [["--help"], ["doctor"], ["tasks"]])
    def test_verbs_that_need_nothing_else(self, installed, words):
        done = installed("kastro", *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout

    def test_modules_import_without_tensorflow(self, installed):
        lines = [f"import {name}" for name in light_modules()]
        heavy = "{'tensorflow', 'keras'} & set(sys.modules)"
        code = "\n".join(["import sys", *lines, f"sys.exit(bool({heavy}))"])
        done = installed("python", "-c", code)
        assert done.returncode == 0, done.stderr

    def test_the_environment_is_small_when_its_verbs_were_used(self, installed):
        flux = np.zeros((3, 64, 64, 1), "float32")
        np.savez(installed.folder / "a.npz", image=flux + np.eye(64)[..., None])
        for name in ("scores.ecsv", "scores.fits", "scores.h5"):
            done = installed("kastro", "predict", "preset:lensing", "a.npz", "-o", name)
            assert done.returncode == 0, done.stderr
        size = subprocess.run(
            ["du", "-sm", installed.folder / "env"], capture_output=True, text=True
        )
        assert int(size.stdout.split()[0]) <= MOST_MB

    def test_training_names_the_extra(self, installed):
        done = installed("kastro", "train", "lensing")
        assert (done.returncode, done.stdout) == (3, "")
        named = [x for x in done.stderr.splitlines() if "keras-astro[train]" in x]
        assert len(named) == 1
        assert done.stderr.startswith("kastro: ")
        assert "Traceback" not in done.stderr
