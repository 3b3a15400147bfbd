"""What a visitor may change: sliders and choices, and how their values are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from keras_astro.errors import UsageError

Values = dict[str, Any]

# A seed that a number in JavaScript still holds exactly.
LARGEST_SEED = 2**53 - 1


@dataclass(frozen=True)
class Slider:
    """A number within limits.

    Args:
        name: Name of the parameter, as in the data.
        label: What a reader calls it.
        low: Smallest value.
        high: Largest value.
        value: Where it starts.
        unit: As a reader writes it; empty where it has none.
        step: Distance of two values.
        only: Name of a choice and its values for which the slider has an effect; None
            where it always has.
    """

    name: str
    label: str
    low: float
    high: float
    value: float
    unit: str = ""
    step: float = 0.01
    only: tuple[str, tuple[str, ...]] | None = None

    def read(self, text: str) -> float:
        """The value that a text stands for.

        Raises:
            UsageError: If it is no number, or outside of the limits.
        """
        unit = f" {self.unit}" if self.unit else ""
        expected = f"expected a number from {self.low:g} to {self.high:g}{unit}"
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        slack = 1e-9 * (self.high - self.low)
        if not self.low - slack <= value <= self.high + slack:
            raise UsageError(
                f"{self.label} ({self.name}): {expected}, found {text[:40]!r}",
                hint=f"Give {self.value:g}, where the slider starts, or leave it out.",
            )
        return value

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {"kind": "slider", **asdict(self)}


@dataclass(frozen=True)
class Choice:
    """One of a few words.

    Args:
        name: Name of the parameter.
        label: What a reader calls it.
        options: The words.
        value: Which of them is set first.
        only: As of a slider.
    """

    name: str
    label: str
    options: tuple[str, ...]
    value: str
    only: tuple[str, tuple[str, ...]] | None = None

    def read(self, text: str) -> str:
        """The word itself.

        Raises:
            UsageError: If it is none of the options.
        """
        if text not in self.options:
            raise UsageError(
                f"{self.label} ({self.name}): expected one of "
                f"{', '.join(self.options)}, found {text[:40]!r}",
                hint=f"Give {self.value}, which is set first, or leave it out.",
            )
        return text

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {"kind": "choice", **asdict(self)}


@dataclass(frozen=True)
class Group:
    """Controls that belong together, under one heading."""

    title: str
    controls: tuple[Slider | Choice, ...]

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {
            "title": self.title,
            "controls": [control.described() for control in self.controls],
        }


def read_values(groups: Sequence[Group], given: Mapping[str, str]) -> Values:
    """Values of all controls, their own where none is given, and the `seed`.

    Raises:
        UsageError: If a value is wrong, or belongs to no control.

    Example:
        >>> shear = Slider("g1", "Shear", -0.5, 0.5, 0.1)
        >>> read_values([Group("Galaxy", (shear,))], {"seed": "3"})
        {'g1': 0.1, 'seed': 3}
    """
    controls = {c.name: c for group in groups for c in group.controls}
    unknown = sorted(set(given) - set(controls) - {"seed"})
    if unknown:
        raise UsageError(
            f"{unknown[0][:40]!r} is no parameter here: expected "
            f"{', '.join([*controls, 'seed'])}",
            hint="Leave it out; reload the page if the package has been updated.",
        )
    values = {
        name: control.read(given[name]) if name in given else control.value
        for name, control in controls.items()
    }
    return values | {"seed": read_seed(given.get("seed", "0"))}


def read_seed(text: str) -> int:
    """A seed.

    Raises:
        UsageError: If it is no whole number from 0 on.
    """
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= LARGEST_SEED):
        raise UsageError(
            f"seed: expected a whole number from 0 to {LARGEST_SEED}, "
            f"found {text[:40]!r}",
            hint="Give a number such as 7.",
        )
    return int(text)
