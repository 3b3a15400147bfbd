"""The science cases by name, known without importing TensorFlow."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_astro.config import RunConfig, build_config, read_yaml, set_values
from keras_astro.errors import ConfigError, UsageError, missing_extra

if TYPE_CHECKING:
    import numpy as np

    from keras_astro.data.sample import Schema, Source
    from keras_astro.tasks.base import Task


@dataclass(frozen=True)
class Entry:
    """Where a case's parts are found, and one line that says what it does.

    Args:
        name: Name of the task.
        title: What a reader calls it.
        summary: What it does, in one line.
        config: `module:name` of its configuration class.
        task: Of its task class.
        schema: Of its data schema.
        evaluation: Of the function from a `Subject` to its `Evaluation`.
        quality: Of the function from input and output arrays by name to each row's
            quality flags; its module needs no TensorFlow.
        rows: Of the function from a source and a manifest's inputs to the source that
            the model takes; empty where files hold just these rows.
        agreement: Of the function from input and output arrays by name to further
            columns of a row, which say how well the two agree; empty where there are
            none. Their units and descriptions are `COLUMNS` of its module.
        prior: Of the function that gives the limits of estimates by name, beyond which
            nothing comes out; empty where there are none.
    """

    name: str
    title: str
    summary: str
    config: str
    task: str
    schema: str
    evaluation: str
    quality: str
    rows: str = ""
    prior: str = ""
    agreement: str = ""


CATALOG = {
    "lensing": Entry(
        name="lensing",
        title="Strong lenses",
        summary="flags dark-matter substructure in lens images, trained without labels",
        config="keras_astro.tasks.lensing_config:LensingConfig",
        task="keras_astro.tasks.lensing:LensingTask",
        schema="keras_astro.data.schemas:LENSING",
        evaluation="keras_astro.evaluation.lensing:examine",
        quality="keras_astro.inference.quality:image_flags",
    ),
    "stellar": Entry(
        name="stellar",
        title="Stellar parameters",
        summary="Teff, log g, [M/H], v sin i with intervals (simulated dwarfs: a toy)",
        config="keras_astro.tasks.stellar_config:StellarConfig",
        task="keras_astro.tasks.stellar:StellarTask",
        schema="keras_astro.data.star_schema:STELLAR",
        evaluation="keras_astro.evaluation.stellar:examine",
        quality="keras_astro.inference.star_quality:star_flags",
    ),
    "cgm": Entry(
        name="cgm",
        title="Quasar absorption",
        summary="reduces absorption spectra to a few numbers and reconstructs them",
        config="keras_astro.tasks.cgm_config:CgmConfig",
        task="keras_astro.tasks.cgm:CgmTask",
        schema="keras_astro.data.schemas:CGM",
        evaluation="keras_astro.evaluation.cgm:examine",
        quality="keras_astro.inference.spectrum_quality:spectrum_flags",
    ),
    "alerts": Entry(
        name="alerts",
        title="Survey alerts",
        summary="classifies alert stamps and scores how unusual they are",
        config="keras_astro.tasks.alerts_config:AlertsConfig",
        task="keras_astro.tasks.alerts:AlertsTask",
        schema="keras_astro.data.alert_schema:ALERTS",
        evaluation="keras_astro.evaluation.alerts:examine",
        quality="keras_astro.inference.alert_quality:alert_flags",
        rows="keras_astro.data.alert_histories:rows_for",
    ),
    "galaxies": Entry(
        name="galaxies",
        title="Galaxies",
        summary="measures flux, shape and size with honest errors, to the noise limit",
        config="keras_astro.tasks.galaxies_config:GalaxiesConfig",
        task="keras_astro.tasks.galaxies:GalaxiesTask",
        schema="keras_astro.data.galaxy_schema:GALAXIES",
        evaluation="keras_astro.evaluation.galaxies:examine",
        quality="keras_astro.inference.galaxy_quality:galaxy_flags",
        rows="keras_astro.inference.galaxy_rows:rows_for",
        agreement="keras_astro.inference.galaxy_fit:agreement",
        prior="keras_astro.simulate.galaxy_config:prior_box",
    ),
}


def entry(name: str) -> Entry:
    """The catalogue entry of a task.

    Raises:
        UsageError: If there is no such task.
    """
    if name in CATALOG:
        return CATALOG[name]
    near = difflib.get_close_matches(name, CATALOG, n=1)
    suggestion = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{name} is not a task ({suggestion}tasks: {', '.join(CATALOG)})",
        hint="List them with: kastro tasks",
    )


def config_class(name: str) -> type[RunConfig]:
    """The configuration class of a task."""
    return _load(entry(name).config)


def schema(name: str) -> Schema:
    """The data schema of a task."""
    return _load(entry(name).schema)


def quality(name: str) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """The function of a task that flags rows not to be taken at face value."""
    return _load(entry(name).quality)


def model_rows(source: Source, manifest: Mapping[str, Any]) -> Source:
    """The rows of a source as the model of a manifest takes them."""
    reference = entry(manifest["task"]).rows
    inputs = manifest["signatures"]["predict"]["inputs"]
    return _load(reference)(source, inputs) if reference else source


def agreement(
    name: str, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Further columns of a task's rows, from what goes in and what comes out."""
    reference = entry(name).agreement
    return _load(reference)(inputs, outputs) if reference else {}


def agreement_terms(name: str) -> dict[str, tuple[str, str]]:
    """Units and descriptions of the columns of `agreement` by name."""
    module, _, function = entry(name).agreement.partition(":")
    return dict(_load(f"{module}:COLUMNS")) if function else {}


def prior(name: str) -> dict[str, tuple[float, float]]:
    """Limits of a task's estimates by name, beyond which nothing comes out."""
    reference = entry(name).prior
    return _load(reference)() if reference else {}


def examiner(name: str) -> Callable:
    """The function of a task that measures a model: from a `Subject`, an `Evaluation`.

    Reports stand above tasks, so their two types are named here and not imported.
    """
    return _load(entry(name).evaluation)


def get_task(name: str) -> Task:
    """The task object.

    Raises:
        MissingExtraError: If TensorFlow is not installed.
    """
    try:
        return _load(entry(name).task)()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("keras_astro"):
            raise
        raise missing_extra(
            error.name or "tensorflow", extra="train", purpose=f"the {name} task"
        ) from error


def load_config(task_or_path: str, overrides: Sequence[str] = ()) -> RunConfig:
    """Resolves a task name or a YAML file, with overrides, into a configuration.

    Raises:
        UsageError: If it is neither a task nor a file.
        ConfigError: If a setting is wrong.
    """
    path = Path(task_or_path)
    if path.suffix in {".yaml", ".yml"}:
        values, where = read_yaml(path), str(path)
        if "task" not in values:
            raise ConfigError(
                f"{path}: expected a `task` key, e.g. `task: lensing`",
                hint="kastro tasks lists the cases.",
            )
    else:
        values, where = {"task": entry(task_or_path).name}, "--set"
    values = set_values(values, overrides)
    return build_config(config_class(values["task"]), values, where=where)


def _load(reference: str):
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
