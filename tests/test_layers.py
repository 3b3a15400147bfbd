"""Who imports whom, and how long things may be: read from the source, by parsing."""

import ast
import statistics
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "keras_astro": ("keras_astro",),
    "tuning": ("keras_astro", "tuning"),
    "exports": ("keras_astro", "exports"),
}

# From the ground up; a module may import from its own level and from those below.
LEVELS = (
    ("config", "errors", "registry", "__init__"),
    ("data", "preprocessing", "layers", "losses", "metrics", "presets"),
    ("models", "simulate"),
    ("tasks",),
    ("training", "evaluation", "inference", "explore", "serving"),
    ("tuning", "exports"),
    ("cli",),
)
LEVEL = {part: number for number, parts in enumerate(LEVELS) for part in parts}

HEAVY = {"tensorflow", "keras", "keras_tuner", "tensorflow_probability", "tf_keras"}
# These run in the observatory's install, which has no TensorFlow.
LIGHT = ("inference", "config", "errors", "data", "cli", "serving")
# Where a light part may still load TensorFlow, when it is asked for it.
LAZY = {
    "keras_astro.inference.keras_backend",
    "keras_astro.inference.saved_model_backend",
    "keras_astro.cli.output",
}

MOST_LINES = 500
MOST_FUNCTION_LINES = 60
MEDIAN_LINES = 150


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its full name."""
    found = {}
    for folder, prefix in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            if parts[-1] == "__init__" and (len(parts) > 1 or len(prefix) > 1):
                parts = parts[:-1]
            found[".".join([*prefix, *parts])] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(), str(modules()[name]))


def part(module: str) -> str:
    """The part of the package that a module belongs to: its second name."""
    return (module.split(".") + ["__init__"])[1]


class Imports(ast.NodeVisitor):
    """Collects `(line, module, relative, lazy)` of all but type-checking imports."""

    def __init__(self):
        self.found = []
        self.depth = 0

    def visit_If(self, node):
        if "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_FunctionDef(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def visit_Import(self, node):
        for alias in node.names:
            self.add(node, alias.name)

    def visit_ImportFrom(self, node):
        base = node.module or ""
        for alias in node.names:
            # `from keras_astro import config` names a module, not an attribute.
            whole = f"{base}.{alias.name}"
            self.add(node, whole if whole in modules() else base)

    def add(self, node, module):
        relative = getattr(node, "level", 0) > 0
        self.found.append((node.lineno, module, relative, self.depth > 0))


@cache
def imports(name: str) -> list:
    visitor = Imports()
    visitor.visit(tree(name))
    return visitor.found


def everywhere():
    """`(place, importer, imported, relative, lazy)` of each import in the package."""
    for name, path in modules().items():
        for line, module, relative, lazy in imports(name):
            yield f"{path.relative_to(ROOT)}:{line}", name, module, relative, lazy


def test_every_part_has_a_level():
    assert {part(name) for name in modules()} <= set(LEVEL)


def test_nobody_imports_upward():
    wrong = [
        f"{place}: {part(name)} imports {module}"
        for place, name, module, _, _ in everywhere()
        if module.split(".")[0] == "keras_astro"
        and LEVEL[part(module)] > LEVEL[part(name)]
    ]
    assert not wrong, "\n".join(wrong)


def test_tuning_and_exports_do_not_know_each_other():
    apart = {("tuning", "exports"), ("exports", "tuning")}
    wrong = [
        place
        for place, name, module, _, _ in everywhere()
        if module.startswith("keras_astro.") and (part(name), part(module)) in apart
    ]
    assert not wrong


def test_imports_are_absolute():
    assert not [place for place, _, _, relative, _ in everywhere() if relative]


@pytest.mark.parametrize("folder", ["tuning", "exports"])
def test_the_mapped_folders_are_never_imported_bare(folder):
    # A bare import would make a second module and register Keras classes twice.
    bare = [p for p, _, module, _, _ in everywhere() if module.split(".")[0] == folder]
    for path in [*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]:
        visitor = Imports()
        visitor.visit(ast.parse(path.read_text()))
        bare += [
            f"{path}:{f[0]}" for f in visitor.found if f[1].split(".")[0] == folder
        ]
    assert not bare


def test_light_parts_do_not_load_tensorflow():
    wrong = [
        f"{place}: {name} imports {module}"
        for place, name, module, _, lazy in everywhere()
        if part(name) in LIGHT
        and module.split(".")[0] in HEAVY
        and not (lazy and name in LAZY)
    ]
    assert not wrong, "\n".join(wrong)


def test_files_are_short():
    lines = {name: len(p.read_text().splitlines()) for name, p in modules().items()}
    assert {name: n for name, n in lines.items() if n >= MOST_LINES} == {}
    assert statistics.median(lines.values()) < MEDIAN_LINES


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, its docstring not counted."""
    total = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        text = function.body[0]
        total -= text.end_lineno - text.lineno + 1
    return total


def test_functions_are_short():
    long = {
        f"{name}.{node.name}": code_lines(node)
        for name in modules()
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and code_lines(node) > MOST_FUNCTION_LINES
    }
    assert long == {}
