"""The search over a task's settings: resumable, without labels, one folder."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

from keras_astro.config import RunConfig
from keras_astro.data.sample import Source
from keras_astro.errors import ArtefactError, UsageError
from keras_astro.tasks.base import Task
from keras_astro.tasks.catalog import load_config
from keras_astro.training.files import write_json, write_text
from keras_astro.training.run import Run
from keras_astro.training.strategy import choose_strategy
from keras_astro.training.train import load_or_make_split, make_parts
from keras_astro.tuning.blind import blind
from keras_astro.tuning.deploy import Convert
from keras_astro.tuning.hypermodel import TaskTuner, with_values
from keras_astro.tuning.objectives import choose, front
from keras_astro.tuning.oracles import make_oracle
from keras_astro.tuning.records import (
    SearchEvent,
    SearchProgress,
    SearchResult,
    TrialRecord,
    ranked,
)
from keras_astro.tuning.results import write_leaderboard, write_results
from keras_astro.tuning.spaces import SearchSpace, space

FOLDER = "tuner"


def search(
    task: Task,
    source: Source,
    run_folder: Path,
    config: RunConfig,
    *,
    oracle: str | None = None,
    trials: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: SearchProgress | None = None,
    over: SearchSpace | None = None,
    convert: Convert | None = None,
) -> SearchResult:
    """Searches a task's settings and writes what it finds into a run folder.

    After each trial `leaderboard.csv` and `leaderboard.json` are current; at the end
    come `best.yaml`, `tuning.html` and `plots/parallel_coordinates.png`. A search that
    was killed goes on with `resume`, repeating the trial that was running.

    Args:
        task: The science case.
        source: All rows. Trials see the train and validation rows without labels.
        run_folder: Where to write.
        config: The settings to start from; they are the first trial.
        oracle: `hyperband`, `bayesian`, `random` or `grid`; `config.tune` says when
            None.
        trials: How many; `config.tune` says when None.
        resume: Whether to continue the search in `run_folder`.
        overwrite: Whether to replace a run in `run_folder`.
        progress: Told at each epoch and trial.
        over: What is searched; the task's space when None.
        convert: Makes a model's file, for the objectives `latency` and `size`.

    Raises:
        UsageError: If the folder exists and is neither resumed nor replaced, or if
            there are several objectives and no `convert`.
        ArtefactError: If a resumed search had other settings or another space.
        ConfigError: If three trials in a row fail.
        DataError: If the data is too small, or changed since the search began.
    """
    config = _with_budget(config, oracle, trials)
    objectives = config.tune.objectives
    if len(objectives) > 1 and convert is None:
        raise UsageError(f"{' and '.join(objectives[1:])} need a converter of models")
    searched = (over or space(task.name)).around(config)
    run = open_search(run_folder, config, searched, resume=resume, overwrite=overwrite)
    split = load_or_make_split(source, run, config)
    parts = blind(make_parts(source, split), searched.withheld)

    def tell(event: SearchEvent) -> None:
        if event.kind in ("completed", "failed"):
            write_leaderboard(run.path, config, searched, tuner.records())
        if progress:
            progress(event)

    # KerasTuner prints what it reloads.
    with contextlib.redirect_stdout(io.StringIO()):
        tuner = TaskTuner(
            task,
            parts,
            config,
            searched,
            make_oracle(
                config.tune.oracle,
                searched,
                trials=config.tune.trials,
                epochs=config.tune.epochs,
                seed=config.seed,
                objectives=objectives,
            ),
            run.path / FOLDER,
            progress=tell,
            convert=convert,
        )
    with choose_strategy(config.train.strategy).scope():
        tuner.search(verbose=0)
    result = _result(run.path, config, searched, tuner.records())
    write_results(result)
    for checkpoints in (run.path / FOLDER).glob("trial_*/checkpoints"):
        shutil.rmtree(checkpoints)
    return result


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
    then, now = (_flat(c.model_dump(mode="json")) for c in (begun, config))
    changes = [
        f"{key} (then {then.get(key)}, now {now.get(key)})"
        for key in {**then, **now}
        if then.get(key) != now.get(key)
    ]
    raise ArtefactError(
        f"{run_folder}: was started with other settings: {'; '.join(changes)}",
        hint="Resume with the same settings, or choose another folder with -o.",
    )


def _flat(values: dict, prefix: str = "") -> dict[str, object]:
    flat = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _with_budget(
    config: RunConfig, oracle: str | None, trials: int | None
) -> RunConfig:
    given = {"tune.oracle": oracle, "tune.trials": trials}
    return with_values(config, {k: v for k, v in given.items() if v is not None})


def _result(
    folder: Path, config: RunConfig, searched: SearchSpace, records: list[TrialRecord]
) -> SearchResult:
    if not ranked(records):
        raise ArtefactError(
            f"{folder}: no trial of the search completed; the last failed with: "
            f"{records[-1].reason}"
        )
    chosen = choose(records, config.tune)
    several = len(config.tune.objectives) > 1
    return SearchResult(
        folder=folder,
        config=config,
        best_config=with_values(config, chosen.values),
        space=searched,
        records=tuple(records),
        best=chosen,
        front=tuple(front(records, config.tune.objectives)) if several else (),
    )
