"""Every error that a user can meet says what to do, by words that exist.

Read from the source, by parsing: options, settings and verbs are those of the package.
"""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import click

from keras_astro import errors
from keras_astro.cli.main import VERBS
from keras_astro.config import flat_settings
from keras_astro.tasks.catalog import CATALOG, load_config

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = "keras_astro", "exports", "tuning"
KINDS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.KastroError)
}
# How many errors of a file have no hint.
WITHOUT = {
    # They become the reason of a packet in rejected.jsonl, and are never shown.
    "keras_astro/inference/stream.py": 2,
}
# Options of other programs.
FOREIGN = {"--force-reinstall"}


@cache
def trees() -> dict[str, ast.Module]:
    paths = [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*.py"))]
    return {
        p.relative_to(ROOT).as_posix(): ast.parse(p.read_text("utf-8")) for p in paths
    }


@cache
def made() -> dict[str, list[ast.Call]]:
    """The calls that make an error of the package, by file."""
    return {
        path: [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in KINDS
        ]
        for path, tree in trees().items()
    }


@cache
def hints() -> str:
    """The words of all hints, and of the constants that they share."""
    given = [
        keyword.value
        for calls in made().values()
        for call in calls
        for keyword in call.keywords
        if keyword.arg == "hint"
    ]
    names = {
        n.id for value in given for n in ast.walk(value) if isinstance(n, ast.Name)
    }
    shared = [
        node.value
        for tree in trees().values()
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in names
    ]
    lines = []
    for value in given + shared:
        words = [n.value for n in ast.walk(value) if isinstance(n, ast.Constant)]
        lines.append("".join(word for word in words if isinstance(word, str)))
    return "\n".join(lines)


def options(command: click.Command) -> set[str]:
    """The options of a verb and of those below it."""
    found = {"--help", *(o for p in command.params for o in p.opts + p.secondary_opts)}
    for below in getattr(command, "commands", {}).values():
        found |= options(below)
    return found


def test_every_error_says_what_to_do():
    silent = {
        path: [c.lineno for c in calls if "hint" not in {k.arg for k in c.keywords}]
        for path, calls in made().items()
    }
    assert sum(map(len, made().values())) > 400
    # The lines are named, not only counted, so that a failure shows where to look.
    assert {
        path: lines
        for path, lines in silent.items()
        if len(lines) > WITHOUT.get(path, 0)
    } == {}


def test_options_in_hints_exist():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", hints()))
    known = set()
    for place, _ in VERBS.values():
        module, _, attribute = place.partition(":")
        known |= options(getattr(importlib.import_module(module), attribute))
    assert {"--set", "--on-bad", "--data"} <= named
    assert named - known - FOREIGN == set()


def test_settings_in_hints_exist():
    named = set(re.findall(r"--set '?([a-z_]+(?:\.\w+)*)=", hints()))
    known = {
        key for task in CATALOG for key in flat_settings(load_config(task).model_dump())
    }
    assert {"train.epochs", "model.decoder"} <= named
    assert named - known == set()


def test_verbs_in_hints_exist():
    named = set(re.findall(r"\bkastro ([a-z0-9-]+)", hints()))
    assert {"train", "simulate", "evaluate", "data"} <= named
    assert named - set(VERBS) == set()
