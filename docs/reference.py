"""Sphinx extension: a page of reference for each subpackage, from its docstrings.

Pages are written anew into `docs/api/` at each build, so that a new module appears on
the site without anyone listing it. Private modules and the command line, which has a
page of its own, are left out.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import keras_astro
import keras_astro.exports
import keras_astro.tuning

PARENTS = (keras_astro, keras_astro.exports, keras_astro.tuning)
LEFT_OUT = {"keras_astro.cli"}
SHAPE = re.compile(r"(Input|Output) shape: ")


def subpackages() -> dict[str, list[str]]:
    """Modules by the package that they are in, both sorted by name."""
    found: dict[str, set[str]] = {}
    for parent in PARENTS:
        for module in pkgutil.walk_packages(parent.__path__, f"{parent.__name__}."):
            if module.ispkg:
                continue
            package = ".".join(module.name.split(".")[:2])
            if package in LEFT_OUT or module.name.split(".")[-1].startswith("_"):
                continue
            found.setdefault(package, set()).add(module.name)
    return {name: sorted(found[name]) for name in sorted(found)}


def write_pages(folder: Path) -> None:
    """Writes a page for each package and an index of them into a folder."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.rst"):
        old.unlink()
    packages = subpackages()
    for package, modules in packages.items():
        lines = [package, "=" * len(package), ""]
        about = importlib.import_module(package).__doc__
        # A module that is no package stands on a page alone and says this itself.
        if about and modules != [package]:
            lines += [about.strip(), ""]
        for name in modules:
            short = name.removeprefix(f"{package}.")
            lines += [short, "-" * len(short), "", f".. automodule:: {name}", ""]
        (folder / f"{package}.rst").write_text("\n".join(lines))
    index = ["Reference", "=========", "", ".. toctree::", "   :maxdepth: 1", ""]
    index += [f"   {package}" for package in packages]
    (folder / "index.rst").write_text("\n".join(index) + "\n")


def spread_shapes(app, what, name, obj, options, lines: list[str]) -> None:
    """Makes paragraphs of a layer's `Input shape:` and `Output shape:`, in place.

    They stand on adjacent lines with their continuation indented, which reads well in a
    terminal and is a definition list to Sphinx.
    """
    spread, inside = [], False
    for line in lines:
        if SHAPE.match(line):
            spread += ["", line]
            inside = True
        elif inside and line.startswith(" "):
            spread.append(line.strip())
        else:
            spread += [""] * inside + [line]
            inside = False
    lines[:] = spread


def setup(app) -> dict:
    """Called by Sphinx before it looks for pages."""
    write_pages(Path(app.srcdir) / "api")
    # Before napoleon, which has the priority of 500.
    app.connect("autodoc-process-docstring", spread_shapes, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
