"""The run folder: everything a run was, relative and movable."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from keras_astro import __version__
from keras_astro.config import RunConfig
from keras_astro.data.splits import Split
from keras_astro.errors import ArtefactError, DataError, UsageError
from keras_astro.inference.manifest import finishing_command
from keras_astro.tasks.catalog import load_config
from keras_astro.training.files import write_json, write_text

if TYPE_CHECKING:
    import keras

PACKAGES = ("tensorflow", "keras", "numpy", "keras-tuner", "tensorflow-probability")


class Run:
    """A folder that holds one run.

    Args:
        path: The folder.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "first"
        >>> run = Run.create(folder, RunConfig(task="lensing"))
        >>> Run.open(folder).path == folder
        True
    """

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def create(
        cls, path: Path, config: RunConfig, *, resume: bool = False, overwrite=False
    ) -> Run:
        """Makes the folder and writes the resolved configuration before any work.

        Raises:
            UsageError: If the folder exists and neither `resume` nor `overwrite`.
            ArtefactError: If `resume` meets a folder of other settings.
            DataError: If the folder cannot be written.
        """
        run = cls(Path(path))
        if cls.check_place(path, resume=resume, overwrite=overwrite):
            if not overwrite:
                run._check_same(config)
                return run
            shutil.rmtree(run.path)
        try:
            run.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"{path}: cannot be made ({error.strerror})",
                hint="Choose a folder that you may write to with -o.",
            ) from error
        write_text(run.path / "config.yaml", config.to_yaml())
        write_json(run.path / "env.json", environment())
        return run

    @classmethod
    def check_place(
        cls, path: Path, *, resume: bool = False, overwrite: bool = False
    ) -> bool:
        """Whether something is there that `create` would resume or replace.

        Touches nothing, so that a refusal need not wait for data.

        Raises:
            UsageError: If the folder exists and neither `resume` nor `overwrite`, or
                is none that this package made.
        """
        run = cls(Path(path))
        if run.path.exists() and not run.path.is_dir():
            raise UsageError(f"{path} is a file", hint="Choose another folder with -o.")
        # A kill may leave the first file half written, and nothing else.
        if not run.path.exists() or all(
            path.suffix == ".partial" for path in run.path.iterdir()
        ):
            return False
        if overwrite:
            run._refuse_foreign()
        elif not resume:
            raise UsageError(
                f"{path} exists already",
                hint="Continue it with --resume, replace it with --overwrite, "
                "or choose another folder with -o.",
            )
        return True

    @classmethod
    def open(cls, path: Path) -> Run:
        """Opens an existing run.

        Raises:
            ArtefactError: If the folder is not a run.
        """
        run = cls(Path(path))
        if not (run.path / "config.yaml").is_file():
            raise ArtefactError(
                f"{path}: expected a run folder with config.yaml, found none",
                hint="List runs with: kastro runs list",
            )
        return run

    @property
    def config(self) -> RunConfig:
        """The run's resolved configuration."""
        return load_config(str(self.path / "config.yaml"))

    @property
    def split(self) -> Split:
        """Which rows were trained on, calibrated on and tested on."""
        return Split.load(self.path / "split.json")

    @property
    def metrics(self) -> dict:
        """The evaluated metrics; empty before `evaluate`."""
        path = self.path / "metrics.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    @property
    def finished(self) -> bool:
        """Whether training has ended and the model is saved."""
        return (self.path / "model.keras").is_file()

    def load_model(self) -> keras.Model:
        """The full model, with all package classes registered.

        Raises:
            ArtefactError: If the model is absent or damaged.
        """
        from keras_astro.training.saving import load_model

        path = self.path / "model.keras"
        if not path.is_file():
            raise ArtefactError(
                f"{self.path}: holds no trained model",
                hint=f"Finish it with: {finishing_command(self.path)}",
            )
        return load_model(path)

    def _check_same(self, config: RunConfig) -> None:
        if not (self.path / "config.yaml").is_file():
            raise ArtefactError(
                f"{self.path}: nothing to resume, no config.yaml",
                hint="Leave out --resume, or list runs with: kastro runs list",
            )
        if self.config.digest() != config.digest():
            raise ArtefactError(
                f"{self.path}: was started with other settings",
                hint="Resume with the same settings, or choose another folder with -o.",
            )

    def _refuse_foreign(self) -> None:
        # Other programs have a config.yaml too.
        if not all((self.path / n).is_file() for n in ("config.yaml", "env.json")):
            raise UsageError(
                f"{self.path} is not a run folder and will not be replaced",
                hint="Choose another folder with -o.",
            )


def environment() -> dict[str, str]:
    """Versions of what computes a run."""
    found = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "keras-astro": __version__,
        "command": " ".join(["kastro", *sys.argv[1:]]),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def list_runs(folder: Path) -> list[Run]:
    """The runs in a folder, newest last."""
    if not folder.is_dir():
        return []
    configs = sorted(folder.glob("*/config.yaml"), key=lambda p: p.stat().st_mtime)
    return [Run(config.parent) for config in configs]


def latest_run(folder: Path) -> Run:
    """The newest finished run in a folder.

    Raises:
        ArtefactError: If there is none.
    """
    finished = [run for run in list_runs(folder) if run.finished]
    if not finished:
        raise ArtefactError(
            f"{folder}: no finished run found",
            hint="Train one with: kastro tune lensing",
        )
    return finished[-1]
