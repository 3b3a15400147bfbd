"""Where a search lives in a run folder, and whether it can be continued there."""

from __future__ import annotations

import json
from pathlib import Path

from keras_astro.config import RunConfig, flat_settings, read_yaml
from keras_astro.errors import ArtefactError
from keras_astro.tasks.catalog import load_config
from keras_astro.training.files import write_json, write_text
from keras_astro.training.run import Run
from keras_astro.tuning.spaces import SearchSpace

FOLDER = "tuner"

# How later rounds of hyperband are trained, which is written into a search's record.
# Those of records that say nothing went on with the weights of the round before.
ROUNDS = "from the start"


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
        _check_rounds(run.path, config, begun)
        return run
    run = Run.create(run.path, config, resume=resume, overwrite=overwrite)
    record.parent.mkdir(exist_ok=True)
    write_text(record.with_name("config.yaml"), config.to_yaml())
    facts = {"space": searched.describe(), "digest": searched.digest()}
    write_json(record, {**facts, "rounds": ROUNDS})
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


def searches_all(run_folder: Path) -> bool:
    """Whether a folder holds a search of when no setting could be left out of it.

    What `--set` said of a searched setting was then where the search began.
    """
    path = Path(run_folder) / FOLDER / "config.yaml"
    return path.is_file() and "fixed" not in read_yaml(path).get("tune", {})


def _check_rounds(run_folder: Path, config: RunConfig, begun: dict) -> None:
    """Refuses a search whose later rounds would be trained otherwise than before."""
    if config.tune.oracle != "hyperband" or begun.get("rounds") == ROUNDS:
        return
    # A search that has ended has no rounds to come.
    if (run_folder / "best.yaml").is_file():
        return
    raise ArtefactError(
        f"{run_folder}: does not say how its rounds of hyperband were trained: in "
        "earlier versions with the weights of the round before, now from the start, "
        "and one leaderboard cannot rank both",
        hint="Start again with --overwrite, or in another folder with -o.",
    )


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
