"""Where a search lives in a run folder, and whether it can be continued there."""

from __future__ import annotations

import json
from pathlib import Path

from keras_astro.config import RunConfig, flat_settings
from keras_astro.errors import ArtefactError
from keras_astro.tasks.catalog import load_config
from keras_astro.training.files import write_json, write_text
from keras_astro.training.run import Run
from keras_astro.tuning.spaces import SearchSpace

FOLDER = "tuner"


def open_search(
    run_folder: Path,
    config: RunConfig,
    searched: SearchSpace,
    *,
    resume: bool,
    overwrite: bool,
) -> Run:
    """Makes the folder of a search, or opens the one to be continued.

    The settings a search started from are kept beside it, because the run's own
    become those of the best trial in the end.
    """
    run = Run(Path(run_folder))
    record = run.path / FOLDER / "search.json"
    if resume and record.is_file():
        begun = json.loads(record.read_text())
        _check_config(run.path, config)
        searched.check_same(begun["space"], where=str(run.path))
        return run
    run = Run.create(run.path, config, resume=resume, overwrite=overwrite)
    record.parent.mkdir(exist_ok=True)
    write_text(record.with_name("config.yaml"), config.to_yaml())
    write_json(record, {"space": searched.describe(), "digest": searched.digest()})
    return run


def search_config(run_folder: Path) -> RunConfig:
    """The settings that the search in a run folder started from.

    Raises:
        ArtefactError: If there is no search in the folder.
    """
    path = Path(run_folder) / FOLDER / "config.yaml"
    if not path.is_file():
        raise ArtefactError(
            f"{run_folder}: holds no search to continue",
            hint="Start one with: kastro tune TASK -o RUN",
        )
    return load_config(str(path))


def _check_config(run_folder: Path, config: RunConfig) -> None:
    begun = search_config(run_folder)
    if begun.digest() == config.digest():
        return
    then, now = (flat_settings(c.model_dump(mode="json")) for c in (begun, config))
    changes = [
        f"{key} (then {then.get(key)}, now {now.get(key)})"
        for key in {**then, **now}
        if then.get(key) != now.get(key)
    ]
    raise ArtefactError(
        f"{run_folder}: was started with other settings: {'; '.join(changes)}",
        hint="Resume with the same settings, or choose another folder with -o.",
    )
