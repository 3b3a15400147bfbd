"""The search over a task's settings: resumable, without labels, one folder."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

from keras_astro.config import RunConfig
from keras_astro.data.sample import Source
from keras_astro.errors import ConfigError, UsageError
from keras_astro.tasks.base import Task
from keras_astro.training.train import load_or_make_split, make_parts
from keras_astro.tuning.blind import blind
from keras_astro.tuning.deploy import Convert
from keras_astro.tuning.hypermodel import TaskTuner, after_failures, with_values
from keras_astro.tuning.objectives import choose, front
from keras_astro.tuning.oracles import make_oracle
from keras_astro.tuning.places import FOLDER, open_search
from keras_astro.tuning.plan import LEAST_EPOCHS
from keras_astro.tuning.pruning import rung_epochs
from keras_astro.tuning.records import (
    SearchEvent,
    SearchProgress,
    SearchResult,
    TrialRecord,
    ranked,
)
from keras_astro.tuning.results import write_leaderboard, write_results
from keras_astro.tuning.spaces import SearchSpace, space
from keras_astro.tuning.team import Team


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
    team: Team | None = None,
    story: Callable[[str], None] = lambda text: None,
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
        team: Runs the trials in other processes; here, one after the other, when None.
        story: Told of the team, of what is not searched and of pruning that can stop
            nothing, a sentence at a time.

    Raises:
        UsageError: If the folder exists and is neither resumed nor replaced, or if
            there are several objectives and no `convert`, or hyperband and pruning.
        ArtefactError: If a resumed search had other settings or another space, or
            rounds of hyperband that were trained otherwise.
        ConfigError: If three trials in a row or all fail, or the strategy is
            `multiworker`.
        DataError: If the data is too small, or changed since the search began.
    """
    config = _with_budget(config, oracle, trials)
    _check(config, convert)
    searched = (over or space(task.name)).around(config)
    run = open_search(run_folder, config, searched, resume=resume, overwrite=overwrite)
    for key, value in searched.fixed_texts.items():
        story(f"not searched, as asked: {key} = {value}")
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
            make_oracle(searched, config),
            run.path / FOLDER,
            progress=tell,
            convert=convert,
        )
    _tell_rungs(tuner, story)
    if team is not None:
        team.run(tuner, story=story)
    else:
        tuner.search(verbose=0)
    result = _result(run.path, config, searched, tuner.records())
    write_results(result)
    return result


def _check(config: RunConfig, convert: Convert | None) -> None:
    """Refuses settings that a search cannot keep, before anything is written."""
    objectives = config.tune.objectives
    if len(objectives) > 1 and convert is None:
        raise UsageError(
            f"{' and '.join(objectives[1:])} need a converter of models, received none",
            hint="Give convert, as kastro tune does, or --set "
            "tune.objectives=[quality].",
        )
    if config.tune.prune and config.tune.oracle == "hyperband":
        raise UsageError(
            "hyperband drops trials round by round already and takes no --prune",
            hint="Choose --oracle bayesian, random or grid with it.",
        )
    if config.train.strategy == "multiworker":
        raise ConfigError(
            "train.strategy = multiworker: trials are not shared between processes",
            hint="kastro tune --workers N gives each process trials of its own.",
        )


def _tell_rungs(tuner: TaskTuner, story: Callable[[str], None]) -> None:
    """Says that no trial will be stopped, where the last stage is too short."""
    if not tuner.config.tune.prune:
        return
    last = tuner.last_stage
    if not rung_epochs(last.epochs):
        story(
            "--prune stops no trial: they are compared in the last stage, "
            f"{last.name}, after {LEAST_EPOCHS} or more and at most a third of its "
            f"epochs, and it has {last.epochs}"
        )


def _with_budget(
    config: RunConfig, oracle: str | None, trials: int | None
) -> RunConfig:
    given = {"tune.oracle": oracle, "tune.trials": trials}
    return with_values(config, {k: v for k, v in given.items() if v is not None})


def _result(
    folder: Path, config: RunConfig, searched: SearchSpace, records: list[TrialRecord]
) -> SearchResult:
    if not ranked(records):
        raise ConfigError(
            f"{folder}: no trial of the search completed; the last failed with: "
            f"{records[-1].reason}",
            hint=after_failures(folder / FOLDER, exhausted=True),
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
