"""Search spaces: which settings are searched, over what, and why.

A space is data. `around` fits it to a run's settings, so that the settings given are
always one of its points; `sample` turns KerasTuner's values into overrides.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from keras_astro.config import RunConfig
from keras_astro.errors import ArtefactError, ConfigError, UsageError

if TYPE_CHECKING:
    import keras_tuner


@dataclass(frozen=True)
class Dimension:
    """One searched setting: an interval, or a list of choices.

    Args:
        key: Dotted key of the setting, e.g. `train.learning_rate`.
        reason: Why it is searched, and why over this range.
        low: Lower end of an interval; None where there are choices.
        high: Upper end.
        log: Whether the interval is sampled evenly in the logarithm.
        choices: The values, in order of size; tuples stand for lists.
        when: Key and value of a setting without which the dimension has no effect.
        default: The value tried first.
    """

    key: str
    reason: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()
    when: tuple[str, Any] | None = None
    default: Any = None

    @property
    def labels(self) -> dict[Any, Any]:
        """KerasTuner's name of each choice: lists become text, `256-128`."""
        return {_label(choice): choice for choice in self.choices}

    def around(self, value: Any) -> Dimension:
        """The dimension, widened if need be to hold `value`, which becomes first."""
        if not self.choices:
            low, high = min(self.low, value), max(self.high, value)
            return replace(self, low=low, high=high, default=value)
        value = tuple(value) if isinstance(value, list) else value
        if isinstance(self.choices[0], float):
            value = float(value)
        choices = self.choices
        if value not in choices:
            choices = tuple(sorted((*choices, value)))
        return replace(self, choices=choices, default=value)

    def sample(self, hp: keras_tuner.HyperParameters) -> Any:
        """The value of this dimension in `hp`, registering it where it is new."""
        if self.choices:
            labels = self.labels
            return labels[
                hp.Choice(self.key, list(labels), default=_label(self.default))
            ]
        value = hp.Float(
            self.key,
            self.low,
            self.high,
            sampling="log" if self.log else "linear",
            default=self.default,
        )
        # Three digits tell settings apart and stay readable in a configuration.
        return value if value == self.default else float(f"{value:.3g}")

    def describe(self) -> str:
        """What is searched, in one line; equal lines are equal searches."""
        if self.choices:
            return f"one of {', '.join(map(str, self.labels))}; first {self.default}"
        scale = "logarithmic" if self.log else "linear"
        return f"{self.low:g} to {self.high:g}, {scale}; first {self.default:g}"


def _label(choice: Any) -> Any:
    return "-".join(map(str, choice)) if isinstance(choice, tuple) else choice


@dataclass(frozen=True)
class SearchSpace:
    """The searched settings of a task, and what holds during the search alone.

    Args:
        task: Name of the task.
        dimensions: What is searched. A grid that is cut short has varied the last
            ones only, so the most influential stand last.
        during_search: Overrides of every trial that the best configuration does not
            keep: parts of a run that the objective does not depend on.
        at_most: Numbers that no trial goes beyond; the best configuration does. A run
            of smaller ones is searched with its own.
        withheld: Targets that no trial may see, because they tell anomalies apart.
        objective: What is minimised, as the page of a search says it.
        fixed: Values of settings that `tune.fixed` names, which all trials have.

    Example:
        >>> import keras_tuner
        >>> rates = Dimension("train.learning_rate", low=1e-4, high=1e-2, log=True)
        >>> space = SearchSpace("demo", (rates,)).around(RunConfig(task="demo"))
        >>> space.sample(keras_tuner.HyperParameters())
        {'train.learning_rate': 0.002}
    """

    task: str
    dimensions: tuple[Dimension, ...]
    during_search: Mapping[str, Any] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)
    withheld: tuple[str, ...] = ("is_anomaly",)
    objective: str = "the task's error on validation rows"
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def around(self, config: RunConfig) -> SearchSpace:
        """The space of a run: dimensions without effect dropped, its settings first.

        What `tune.fixed` names is not searched.

        Raises:
            UsageError: If the space belongs to another task or nothing is left of it.
            ConfigError: If `tune.fixed` names what no search of the task varies.
        """
        if config.task != self.task:
            raise UsageError(
                f"a {self.task} space cannot search a {config.task} run",
                hint=f"Give settings of this case: load_config({self.task!r}).",
            )
        values = config.model_dump(mode="json")
        self._check_fixed(config.tune.fixed)
        fixed = {key: _get(values, key) for key in config.tune.fixed}
        kept = tuple(
            dimension.around(_get(values, dimension.key))
            for dimension in self.dimensions
            if dimension.key not in fixed
            and (
                dimension.when is None
                or _get(values, dimension.when[0]) == dimension.when[1]
            )
        )
        if not kept:
            raise UsageError(
                f"no setting of {self.task} is searched in this run",
                hint=(f"{', '.join(fixed)} was given. " if fixed else "")
                + f"Train without a search: kastro train {self.task}",
            )
        cut = {k: v for k, v in self.at_most.items() if _get(values, k) > v}
        return replace(
            self,
            dimensions=kept,
            during_search={**self.during_search, **cut},
            fixed=fixed,
        )

    @property
    def keys(self) -> list[str]:
        """Dotted keys of what is searched."""
        return [dimension.key for dimension in self.dimensions]

    def _check_fixed(self, fixed: Iterable[str]) -> None:
        for key in set(fixed) - set(self.keys):
            near = difflib.get_close_matches(key, self.keys, n=1)
            raise ConfigError(
                f"tune.fixed: {key} is not searched"
                f"{f' (did you mean {near[0]}?)' if near else ''}",
                hint=f"A search of {self.task} varies {', '.join(self.keys)}.",
            )

    def sample(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        """Overrides of a run's settings, dotted key to value, for one trial."""
        return {dimension.key: dimension.sample(hp) for dimension in self.dimensions}

    def describe(self) -> dict[str, str]:
        """Each searched key and its range, and what else holds, one line each."""
        return (
            {d.key: d.describe() for d in self.dimensions}
            | {key: f"fixed at {value}" for key, value in self.fixed_texts.items()}
            | {
                key: f"{value} during the search"
                for key, value in self.during_search.items()
            }
            | {"withheld targets": ", ".join(sorted(self.withheld)) or "none"}
        )

    @property
    def fixed_texts(self) -> dict[str, str]:
        """What is not searched, key and value as they are shown."""
        return {
            key: str(_label(tuple(value) if isinstance(value, list) else value))
            for key, value in self.fixed.items()
        }

    def digest(self) -> str:
        """Hash of the space: searches of equal digests can be continued."""
        text = json.dumps(self.describe(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def check_same(self, recorded: Mapping[str, str], *, where: str) -> None:
        """Refuses to continue a search of another space, naming what changed.

        Args:
            recorded: `describe()` of the search to be continued.
            where: Its folder.

        Raises:
            ArtefactError: If the spaces differ.
        """
        found = self.describe()
        changes = [
            f"{key} (then {recorded.get(key, 'not searched')}, "
            f"now {found.get(key, 'not searched')})"
            for key in {**recorded, **found}
            if recorded.get(key) != found.get(key)
        ]
        if changes:
            raise ArtefactError(
                f"{where}: was started with another search space: {'; '.join(changes)}",
                hint="Start a new search in another folder with -o, "
                "or replace this one with --overwrite.",
            )


def _get(values: Mapping[str, Any], key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


# Modules with a `SPACE`, by task.
SPACES = {
    "lensing": "keras_astro.tuning.space_lensing",
    "cgm": "keras_astro.tuning.space_cgm",
    "stellar": "keras_astro.tuning.space_stellar",
    "alerts": "keras_astro.tuning.space_alerts",
    "galaxies": "keras_astro.tuning.space_galaxies",
}


def space(task_name: str) -> SearchSpace:
    """The search space of a task.

    Raises:
        UsageError: If the task has none.

    Example:
        >>> space("lensing").dimensions[-1].key
        'train.learning_rate'
    """
    if task_name in SPACES:
        return importlib.import_module(SPACES[task_name]).SPACE
    near = difflib.get_close_matches(task_name, SPACES, n=1)
    suggestion = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{task_name} has no search space ({suggestion}tasks that can be tuned: "
        f"{', '.join(SPACES)})",
        hint=f"Train it with: kastro train {task_name}",
    )
