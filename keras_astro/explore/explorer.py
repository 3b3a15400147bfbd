"""All cases of a page: their simulators, models and rows, opened when asked for."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_astro.config import RunConfig
from keras_astro.data.readers import open_many
from keras_astro.data.sample import Source
from keras_astro.errors import DataError, KastroError, UsageError
from keras_astro.explore.case import Case
from keras_astro.explore.controls import read_seed, read_values
from keras_astro.explore.rows import Rows
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.predictor import open_predictor
from keras_astro.tasks.catalog import CATALOG, entry, get_task, load_config, schema

CASES = {
    "lensing": "keras_astro.explore.lensing:LensingCase",
    "galaxies": "keras_astro.explore.galaxies:GalaxiesCase",
    "alerts": "keras_astro.explore.alerts:AlertsCase",
    "stellar": "keras_astro.explore.stellar:StellarCase",
    "cgm": "keras_astro.explore.cgm:CgmCase",
}

GIVE_ROWS = "Start again with rows: kastro explore MODEL --data PATH"

Story = Callable[[str], None]


@dataclass
class Opened:
    """What a case is explored with.

    Args:
        config: Settings of its simulator.
        predictor: Its model; None for the simulator alone.
        source: Rows to browse; None without.
        missing: Why there are no rows, in words.
        hint: What to do about it.
    """

    config: RunConfig
    predictor: Predictor | None = None
    source: Source | None = None
    missing: str = ""
    hint: str = GIVE_ROWS

    @property
    def task(self) -> str:
        """Name of the case."""
        return self.config.task


def open_target(
    target: str | Path,
    *,
    story: Story,
    paths: Sequence[Path] = (),
    overrides: Sequence[str] = (),
) -> Opened:
    """Opens a task by name, or a run or artefact with the rows that it can show.

    Args:
        target: Task, run folder, SavedModel or `.tflite` file.
        story: Told what happens, a sentence at a time.
        paths: Rows to browse instead of a run's own test rows.
        overrides: `key=value` texts over the simulator's settings.

    Raises:
        UsageError: If it is neither a task nor a path, or rows are given without a
            model.
        ArtefactError: If there is no model in the path.
        ConfigError: If a setting is wrong.
    """
    path = Path(target)
    if str(target) in CATALOG or not path.exists():
        config = load_config(entry(str(target)).name, overrides)
        if paths:
            raise UsageError(
                f"{target}: rows can be browsed with a model only",
                hint="Give a run or an artefact instead of the task's name.",
            )
        return Opened(
            config,
            missing="No model is loaded: there are no rows to rank.",
            hint="Start again with a model: kastro explore RUN",
        )
    predictor = open_predictor(path)
    task = predictor.manifest["task"]
    run = path / "config.yaml"
    config = load_config(str(run) if run.is_file() else task, overrides)
    opened = Opened(config, predictor)
    try:
        opened.source = _rows(opened, path, paths, story)
    except DataError as error:
        if paths:
            raise
        opened.missing = f"The run's rows cannot be opened: {error}"
        opened.hint = error.hint or GIVE_ROWS
    if opened.source is None and not opened.missing:
        opened.missing = "An artefact carries no rows: give some with --data PATH."
    elif opened.source is not None and not len(opened.source):
        opened.source = None
        opened.missing = "This run keeps no test rows: give some with --data PATH."
    return opened


def _rows(opened: Opened, path: Path, paths, story: Story) -> Source | None:
    if paths:
        return open_many(paths, schema(opened.task))
    if not (path / "config.yaml").is_file():
        return None
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.training.run import Run
    from keras_astro.training.train import make_parts

    run = Run.open(path)
    rows = open_rows(get_task(opened.task), run.config, story=story)
    return make_parts(rows, run.split).test


class Explorer:
    """Answers a page's questions, one at a time.

    Args:
        opened: Cases with what they are explored with; others come with their
            simulators alone.
        seed: Where the page starts.

    Example:
        >>> explorer = Explorer([])
        >>> [case["name"] for case in explorer.overview()["cases"]][:2]
        ['lensing', 'galaxies']
    """

    def __init__(self, opened: Sequence[Opened], *, seed: int = 0):
        given = {one.task: one for one in opened}
        self.opened = given | {
            name: open_target(name, story=lambda _: None)
            for name in CASES
            if name not in given
        }
        self.first = opened[0].task if opened else next(iter(CASES))
        self.seed = read_seed(str(seed))
        self._cases: dict[str, Case] = {}
        self._rows: dict[str, Rows] = {}
        # A TFLite interpreter holds the tensors of one call.
        self._lock = threading.Lock()

    def overview(self) -> dict[str, Any]:
        """The cases, without their controls."""
        cases = []
        for name in CASES:
            one, place = self.opened[name], CATALOG[name]
            model = str(one.predictor.path) if one.predictor else ""
            cases.append(
                {
                    "name": name,
                    "title": place.title,
                    "summary": place.summary,
                    "model": model,
                    "rows": len(one.source) if one.source is not None else 0,
                    "missing": one.missing,
                }
            )
        return {"cases": cases, "first": self.first, "seed": self.seed}

    def controls(self, name: str) -> dict[str, Any]:
        """Controls of a case."""
        with self._lock:
            groups = self._case(name).groups
        return {"groups": [group.described() for group in groups]}

    def scene(self, name: str, given: Mapping[str, str]) -> dict[str, Any]:
        """A simulated row, by the values that are given.

        Raises:
            UsageError: If there is no such case, or a value is wrong.
        """
        with self._lock:
            case = self._case(name)
            values = read_values(case.groups, {"seed": str(self.seed), **given})
            return case.scene(case.draw(values)).described()

    def worst(self, name: str, order: str | None = None) -> dict[str, Any]:
        """The list of a case's worst rows; see `Rows.worst`."""
        with self._lock:
            return self._ranked(name).worst(order)

    def row(self, name: str, text: str) -> dict[str, Any]:
        """One stored row.

        Raises:
            UsageError: If it is no number of a row.
        """
        number = read_seed(text) if text.isdigit() else -1
        with self._lock:
            sample = self._ranked(name).sample(number)
            scene = self._case(name).scene(sample).described()
        return scene | {"id": str(sample.meta["id"][0])}

    def _case(self, name: str) -> Case:
        if name not in self.opened:
            raise UsageError(
                f"case: expected one of {', '.join(CASES)}, found {name[:40]!r}",
                hint=f"Ask for {self.first}, with which the page begins.",
            )
        if name not in self._cases:
            one = self.opened[name]
            module, _, attribute = CASES[name].partition(":")
            kind = getattr(importlib.import_module(module), attribute)
            axes = one.source.read(0, 1).axes if one.source is not None else None
            self._cases[name] = kind(one.config, one.predictor, axes)
        return self._cases[name]

    def _ranked(self, name: str) -> Rows:
        case = self._case(name)
        if name not in self._rows:
            one = self.opened[name]
            if one.source is None:
                raise UsageError(one.missing, hint=one.hint)
            self._rows[name] = Rows(case, one.source)
        return self._rows[name]


def words(error: KastroError) -> dict[str, str]:
    """An error as the page shows it."""
    return {"error": str(error), "hint": error.hint or ""}
