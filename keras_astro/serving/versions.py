"""Models by name and version: found in folders, verified, loaded, swapped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keras_astro.errors import ArtefactError, KastroError
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.manifest import read_manifest
from keras_astro.inference.predictor import open_predictor
from keras_astro.serving.batching import Batcher
from keras_astro.serving.refusals import Refusal

# TF Serving's numbers of a version's states.
STATES = {"START": 10, "LOADING": 20, "AVAILABLE": 30, "UNLOADING": 40, "END": 50}


@dataclass(frozen=True)
class Version:
    """A loaded version of a model."""

    number: int
    predictor: Predictor
    batcher: Batcher


def found_versions(base: Path) -> dict[int, Path]:
    """Artefacts below a place by version: `BASE/<number>/`, or one artefact as it is.

    A folder without a number holds version 1.
    """
    if base.is_file():
        return {1: base} if base.suffix == ".tflite" else {}
    if artefact := _artefact(base):
        number = int(base.name) if base.name.isdigit() else 1
        return {number: artefact}
    if not base.is_dir():
        return {}
    folders = [p for p in base.iterdir() if p.name.isdigit() and p.is_dir()]
    pairs = ((int(folder.name), _artefact(folder)) for folder in folders)
    return {number: path for number, path in pairs if path}


def _artefact(folder: Path) -> Path | None:
    if (folder / "saved_model.pb").is_file():
        return folder
    files = sorted(folder.glob("*.tflite")) if folder.is_dir() else []
    return files[0] if len(files) == 1 else None


def models_at(path: Path, *, name: str | None = None) -> dict[str, Path]:
    """What is to be served from a place, by model name.

    Args:
        path: An artefact, a folder of versions, or a folder of such folders.
        name: Name of the model where there is one; its task's by default.

    Raises:
        ArtefactError: If there is none.
    """
    if versions := found_versions(path):
        newest = versions[max(versions)]
        return {name or read_manifest(newest)["task"]: path}
    folders = sorted(path.iterdir()) if path.is_dir() else []
    models = {p.name: p for p in folders if p.is_dir() and found_versions(p)}
    if not models:
        raise ArtefactError(
            f"{path}: expected a .tflite file, a SavedModel, a folder of versions or "
            "of models, found none",
            hint="Export one with: kastro export --format tflite",
        )
    if name and len(models) == 1:
        return {name: next(iter(models.values()))}
    return models


def mark_of(path: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times: what changes when a copy goes on or is done anew."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*"))
    marks = []
    for file in files:
        try:
            facts = file.stat()
        except FileNotFoundError:
            continue
        marks.append((str(file), facts.st_size, facts.st_mtime_ns))
    return marks


class ServedModel:
    """A model whose newest version answers; the one before it is let go.

    A version that does not load is left aside, with its reason in the status, and the
    one before it goes on. Removing a version's folder brings back the one before it.
    Files of a version are not expected to change: another model is another version.

    Args:
        name: What clients call it.
        base: An artefact or a folder of versions.
        observe: Told the rows of each batch.
        load: Opens and verifies an artefact.
    """

    def __init__(
        self,
        name: str,
        base: Path,
        *,
        observe: Callable[[int], None] = lambda _: None,
        load: Callable[[Path], Predictor] = open_predictor,
    ):
        self.name = name
        self.base = base
        self.observe = observe
        self.load = load
        self.current: Version | None = None
        # Version: what its files looked like, and why they do not load.
        self.refused: dict[int, tuple[list, str]] = {}
        self._loading: int | None = None

    def version(self, number: int | None = None) -> Version:
        """The version that answers, which must be the one asked for.

        Raises:
            Refusal: If there is none.
        """
        current = self.current
        if current is None or number not in (None, current.number):
            which = "Latest" if number is None else "Specific"
            wanted = self.name if number is None else f"{self.name}, {number}"
            raise Refusal(
                "NOT_FOUND", f"Servable not found for request: {which}({wanted})"
            )
        return current

    def status(self, number: int | None = None) -> list[tuple[int, str, str]]:
        """Number, state and reason of the versions known, the newest first.

        Raises:
            Refusal: If the one asked for is not known.
        """
        known = {n: ("END", reason) for n, (_, reason) in self.refused.items()}
        if self._loading is not None:
            known[self._loading] = ("LOADING", "")
        if self.current:
            known[self.current.number] = ("AVAILABLE", "")
        if number is not None and number not in known:
            raise Refusal(
                "NOT_FOUND", f"Could not find version {number} of model {self.name}"
            )
        chosen = sorted(known, reverse=True) if number is None else [number]
        return [(n, *known[n]) for n in chosen]

    def refresh(self) -> bool:
        """Looks for versions, loads the newest that loads, and lets its elder go.

        Returns:
            Whether another version answers than before.
        """
        found = found_versions(self.base)
        self.refused = {n: why for n, why in self.refused.items() if n in found}
        before = self.current
        for number in sorted(found, reverse=True):
            if before and number == before.number:
                return False
            if loaded := self._load(number, found[number]):
                self.current = loaded
                if before:
                    before.batcher.close()
                return True
        # Where nothing replaces a version whose files are gone, it goes on.
        return False

    def close(self) -> None:
        """Answers what waits and lets the model go."""
        if self.current:
            self.current.batcher.close()

    def _load(self, number: int, path: Path) -> Version | None:
        mark = mark_of(path)
        if self.refused.get(number, (None, ""))[0] == mark:
            return None
        self._loading = number
        try:
            predictor = self.load(path)
        except (KastroError, OSError) as error:
            self.refused[number] = (mark, str(error))
            return None
        finally:
            self._loading = None
        self.refused.pop(number, None)
        return Version(number, predictor, Batcher(predictor.run, observe=self.observe))


class Watch:
    """Looks after models again and again, in a thread of its own.

    Args:
        models: What to look after.
        seconds: Between looks.
        tell: Told a sentence about what changed.
    """

    def __init__(
        self, models: list[ServedModel], *, seconds: float, tell: Callable[[str], None]
    ):
        self.models = models
        self.seconds = seconds
        self.tell = tell
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(self.seconds):
            for model in self.models:
                look(model, self.tell)


def look(model: ServedModel, tell: Callable[[str], None]) -> None:
    """One look at a model; tells what changed and what does not load."""
    known = dict(model.refused)
    start = time.monotonic()
    if model.refresh():
        seconds = time.monotonic() - start
        number = model.version().number
        tell(f"{model.name}: version {number} answers, loaded in {seconds:.2f} s")
    for number, refused in model.refused.items():
        if known.get(number) != refused:
            tell(f"{model.name}: version {number} is refused: {refused[1]}")
