"""Every error that a user can meet says what to do, by words that exist.

Read from the source, by parsing: options, settings and verbs are those of the package.
"""

import ast
import importlib
import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest

from keras_astro import errors
from keras_astro.cli.main import VERBS, cli
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


def kind(called: ast.expr) -> str:
    """The name of what is called, `DataError` or `errors.DataError`."""
    if isinstance(called, ast.Attribute) and ast.unparse(called.value).endswith(
        "errors"
    ):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def ways(value: ast.expr) -> list[str | None]:
    """What a hint may be: a word of `X` for what is known only when it is made.

    None where a hint is left out; nothing for what stands elsewhere, such as a name.
    """
    match value:
        case ast.Constant():
            return [value.value or None]
        case ast.JoinedStr():
            words = (
                v.value if isinstance(v, ast.Constant) else "X" for v in value.values
            )
            return ["".join(words)]
        case ast.IfExp():
            return ways(value.body) + ways(value.orelse)
        case ast.BoolOp():
            return [way for one in value.values for way in ways(one)]
        case ast.BinOp():
            first, then = ways(value.left), ways(value.right)
            return [f"{a or ''}{b or ''}" for a in first for b in then]
    return []


@cache
def made() -> dict[str, list[ast.Call]]:
    """The calls that make an error of the package, by file."""
    return {
        path: [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and kind(node.func) in KINDS
        ]
        for path, tree in trees().items()
    }


def given(call: ast.Call) -> list[ast.expr]:
    """The hint of an error, if it has one."""
    return [k.value for k in call.keywords if k.arg == "hint"]


def is_silent(call: ast.Call) -> bool:
    """Whether an error has no hint, or none on one of its ways."""
    return not given(call) or any(None in ways(value) for value in given(call))


@cache
def hints() -> list[str]:
    """All hints in each of their ways, and the constants that they share."""
    found = [
        hint for calls in made().values() for call in calls for hint in given(call)
    ]
    names = {
        n.id for value in found for n in ast.walk(value) if isinstance(n, ast.Name)
    }
    shared = [
        node.value
        for tree in trees().values()
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in names
    ]
    return [way for v in found + shared for way in ways(v) if isinstance(way, str)]


def commands() -> list[str]:
    """What hints say to run: behind a colon, to the end of the clause."""
    return [
        re.split(r"[,;.] |[.;]$", behind)[0]
        for hint in hints()
        for behind in re.findall(r": kastro (.+)", hint)
    ]


def missing(words: list[str], command: click.Command) -> list[str]:
    """What a command needs that its words do not give."""
    while isinstance(command, click.Group):
        name, *words = words or [""]
        found = command.get_command(click.Context(command), name)
        if found is None:
            return [f"a verb of {command.name}, not {name!r}"]
        command = found
    context = click.Context(command)
    try:
        values, rest, _ = command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        return [str(error)]
    if rest and not command.allow_extra_args:
        return [f"nothing like {rest}"]
    return [
        p.make_metavar(context)
        for p in command.params
        if p.required and not given_words(values.get(p.name))
    ]


def given_words(value) -> bool:
    """Whether an argument has a word; releases of click differ in what it is if not."""
    words = value if isinstance(value, list | tuple) else [value]
    return any(isinstance(word, str) for word in words)


def verb(name: str) -> click.Command:
    """A verb of kastro."""
    module, _, attribute = VERBS[name][0].partition(":")
    return getattr(importlib.import_module(module), attribute)


def options(command: click.Command) -> set[str]:
    """The options of a verb and of those below it."""
    found = {"--help", *(o for p in command.params for o in p.opts + p.secondary_opts)}
    for below in getattr(command, "commands", {}).values():
        found |= options(below)
    return found


def test_every_error_says_what_to_do():
    silent = {
        path: [call.lineno for call in calls if is_silent(call)]
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
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", "\n".join(hints())))
    known = set().union(*(options(verb(name)) for name in VERBS))
    assert {"--set", "--on-bad", "--data"} <= named
    assert named - known - FOREIGN == set()


def test_settings_in_hints_exist():
    key = r"[a-z_]+(?:\.\w+)+"
    text = "\n".join(hints())
    lists = re.findall(rf"--set '?({key}(?:(?:, | and ){key})*)", text)
    named = {name for names in lists for name in re.findall(key, names)}
    named |= set(re.findall(r"--set '?(\w+)=", text))
    known = {
        key for task in CATALOG for key in flat_settings(load_config(task).model_dump())
    }
    assert {"train.epochs", "model.decoder", "model.measures"} <= named
    assert named - known == set()


def test_verbs_in_hints_exist():
    named = set(re.findall(r"\bkastro ([a-z0-9-]+)", "\n".join(hints())))
    assert {"train", "simulate", "evaluate", "data"} <= named
    assert named - set(VERBS) == set()


def test_commands_in_hints_have_what_they_need():
    wrong = {
        command: needs
        for command in commands()
        if (needs := missing(shlex.split(command), cli))
    }
    assert len(commands()) > 30
    assert wrong == {}


@pytest.mark.parametrize(
    ("command", "needs"),
    [
        ("data describe", "PATHS"),
        ("data look FILE", "a verb of data"),
        ("export RUN --fast", "--fast"),
        ("explore RUN --data PATH", ""),
    ],
)
def test_what_a_command_lacks_is_told(command, needs):
    found = missing(command.split(), cli)
    assert needs in " ".join(found) if needs else not found


@pytest.mark.parametrize(
    ("made", "silent"),
    [
        ("DataError('a')", True),
        ("DataError('a', hint=None)", True),
        ("errors.DataError('a', hint='b' if c else None)", True),
        ("DataError('a', hint=b.hint or None)", True),
        ("DataError('a', hint=f'{b} c' + ('d' if e else ''))", False),
        ("errors.DataError('a', hint=b.hint)", False),
    ],
)
def test_a_hint_of_none_is_silence(made, silent):
    call = ast.parse(made, mode="eval").body
    assert kind(call.func) == "DataError"
    assert is_silent(call) == silent
