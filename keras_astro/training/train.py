"""A whole run: split, prepare, fit the stages, assemble, save."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from keras_astro.config import DataConfig, RunConfig
from keras_astro.data.sample import Source, Subset
from keras_astro.data.splits import Split, split_by_group
from keras_astro.errors import DataError
from keras_astro.tasks.base import Parts, Stage, Task
from keras_astro.training.checkpoint import Checkpoints
from keras_astro.training.fit import Progress, fit_stage, write_history
from keras_astro.training.manifest import build_manifest, write_manifest
from keras_astro.training.run import Run
from keras_astro.training.saving import save_model
from keras_astro.training.strategy import Team

# Normal rows kept for the test beside the labelled anomalies.
TEST_FRACTION = 0.15
MINIMUM_ROWS = 40


def train(
    task: Task,
    source: Source,
    run: Run,
    *,
    progress: Progress | None = None,
    team: Team | None = None,
) -> keras.Model | None:
    """Trains a run to its end, continuing from its checkpoints where there are any.

    Every worker of a team prepares all rows and takes its part of each batch; the chief
    alone assembles the model and writes.

    Args:
        task: The science case.
        source: All rows; the run's split decides what each is for.
        run: An opened run folder with its configuration.
        progress: Called at each epoch's end.
        team: The replicas that share each batch; as the settings say when None.

    Returns:
        The full model, also saved as `model.keras`; None from a worker that is not the
        chief.

    Raises:
        DataError: If there are too few rows, or the data changed since the split.
    """
    config = run.config
    team = team or Team.of(config.train)
    keras.utils.set_random_seed(config.seed)
    if run.finished:
        return run.load_model()
    split = load_or_make_split(source, run, config, write=team.chief)
    parts = make_parts(source, split)
    prepared = task.prepare(config, parts)
    stages = task.stages(config, prepared)
    models = fit_stages(stages, run, progress=progress, team=team)
    model = None
    if team.chief:
        model = task.assemble(config, prepared, models, parts)
        axes, steps = parts.train.read(0, 1).axes, source.preparation
        finish(task, model, run, axes=axes, preparation=steps)
    # The others leave last: a chief whose workers are gone would be told so.
    team.barrier()
    return model


def fit_stages(
    stages: Iterable[Stage],
    run: Run,
    *,
    progress: Progress | None = None,
    team: Team | None = None,
) -> dict[str, keras.Model]:
    """Fits stages one after the other, each from its checkpoint, into the run folder.

    Args:
        stages: What to fit; a stage may be made when those before it are fitted.
        run: Whose settings, checkpoints and `history.csv` they are.
        progress: Called at each epoch's end.
        team: The replicas that share each batch; as the settings say when None.

    Returns:
        The fitted models by their stage's name.
    """
    team = team or Team.of(run.config.train)
    models, histories = {}, {}
    for stage in stages:
        histories[stage.name] = fit_stage(
            stage,
            run.config.train,
            seed=run.config.seed,
            checkpoints=Checkpoints(
                run.path / "checkpoints", stage.name, write=team.chief
            ),
            progress=progress,
            team=team,
        )
        models[stage.name] = stage.model
    if team.chief:
        write_history(run.path / "history.csv", histories)
    return models


def finish(
    task: Task,
    model: keras.Model,
    run: Run,
    *,
    axes: Mapping[str, np.ndarray],
    parent: Mapping | None = None,
    preparation: Sequence[Mapping] = (),
) -> None:
    """Saves the full model and its manifest; the model goes last and marks the end."""
    staged = run.path / "finished.keras"
    save_model(model, staged)
    manifest = build_manifest(
        task,
        model,
        name=run.path.name,
        model_file=staged,
        config_digest=run.config.digest(),
        axes=axes,
        parent=parent,
        preparation=preparation,
    )
    write_manifest(run.path, manifest)
    staged.replace(run.path / "model.keras")


def load_or_make_split(
    source: Source, run: Run, config: RunConfig, *, write: bool = True
) -> Split:
    """The run's split, made once and checked against the data afterwards."""
    ids, groups, anomalous = row_facts(source)
    path = run.path / "split.json"
    if path.is_file():
        split = Split.load(path)
        split.check_ids(ids)
        return split
    split = make_split(groups, anomalous, config.data, seed=config.seed, ids=ids)
    if write:
        split.save(path)
    return split


def make_split(
    groups: np.ndarray,
    anomalous: np.ndarray,
    data: DataConfig,
    *,
    seed: int,
    ids: np.ndarray,
) -> Split:
    """Divides groups of rows; every row labelled anomalous goes to the test rows.

    Raises:
        DataError: If fewer than 40 rows are not labelled anomalous.
    """
    normal = int(np.sum(~anomalous))
    if normal < MINIMUM_ROWS:
        raise DataError(
            f"expected at least {MINIMUM_ROWS} rows not labelled as anomalies to train "
            f"on, found {normal}",
            hint="Name more data (--data can be repeated), or raise "
            "data.simulated_rows.",
        )
    test = data.test_fraction
    if test is None:
        test = TEST_FRACTION if anomalous.any() else 0.0
    fractions = {
        "validation": data.validation_fraction,
        "calibration": data.calibration_fraction,
        "test": test,
    }
    fractions = {"train": 1 - sum(fractions.values()), **fractions}
    return split_by_group(groups, fractions, seed=seed, ids=ids, only_test=anomalous)


def row_facts(source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, groups and anomaly labels of all rows (False where there is no label)."""
    facts = source.facts()
    return facts["id"], facts["group"], facts["is_anomaly"].astype(bool)


def make_parts(source: Source, split: Split) -> Parts:
    """The source seen through each part of the split."""
    named: Mapping[str, np.ndarray] = split.indices
    return Parts(
        **{name: Subset(source, named[name]) for name in Parts.__annotations__}
    )
