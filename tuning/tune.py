"""Search, then train the best settings to the end: what `kastro tune` runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keras_astro.config import RunConfig
from keras_astro.data.sample import Source
from keras_astro.tasks.base import Task
from keras_astro.training.files import write_text
from keras_astro.training.fit import Progress
from keras_astro.training.run import Run
from keras_astro.training.train import train
from keras_astro.tuning.deploy import Convert
from keras_astro.tuning.records import SearchProgress, SearchResult
from keras_astro.tuning.search import search
from keras_astro.tuning.spaces import SearchSpace
from keras_astro.tuning.team import Team


def tune(
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
    train_progress: Progress | None = None,
    over: SearchSpace | None = None,
    convert: Convert | None = None,
    team: Team | None = None,
    story: Callable[[str], None] = lambda text: None,
) -> SearchResult:
    """Searches, and leaves the folder as a finished run of the best settings.

    The best trial's weights are not kept: its settings are trained from the start, for
    all of `train.epochs` and with the stages that the search leaves out. Killed at any
    moment, a call with `resume` goes on, in the search or in the final training.

    Args:
        task: The science case.
        source: All rows; search and training divide them alike.
        run_folder: Where to write.
        config: The settings to start from.
        oracle: As for `search`.
        trials: As for `search`.
        resume: As for `search`.
        overwrite: As for `search`.
        progress: Told of the search.
        train_progress: Told of the final training.
        over: As for `search`.
        convert: As for `search`.
        team: As for `search`.
        story: As for `search`.

    Raises:
        KastroError: As `search` and `train` do.
    """
    result = search(
        task,
        source,
        run_folder,
        config,
        oracle=oracle,
        trials=trials,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
        over=over,
        convert=convert,
        team=team,
        story=story,
    )
    # From here on the folder is a run of the best settings; those that the search
    # started from stay in its own folder.
    write_text(result.folder / "config.yaml", result.best_config.to_yaml())
    train(task, source, Run.open(result.folder), progress=train_progress)
    return result
