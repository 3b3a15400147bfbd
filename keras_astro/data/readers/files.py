"""Rows that are one file each: decoded when asked for, checked when opened."""

from __future__ import annotations

import abc
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from keras_astro.data.sample import Sample, Schema, Source
from keras_astro.errors import DataError

OnBad = Literal["raise", "quarantine"]

# What else can be done with a file that cannot be read; training has no such option.
ASIDE = (
    "kastro predict and kastro data convert set such files aside with "
    "--on-bad quarantine."
)

LABELS = {"no_sub": 0, "sub": 1}


class FileSource(Source):
    """A set of named files, each one image `(y, x, band)`.

    Labels come from the folder a file stands in: `no_sub` is normal, `sub` anomalous.

    Args:
        name: What to call the whole in messages.
        schema: What the task expects; its first input is the image.
        members: Names of the files, which become the ids.
        on_bad: Whether an unreadable file is an error or set aside with its reason.
        progress: Called with done and total while files are checked.

    Attributes:
        quarantined: `(id, reason)` of the files set aside.
        labelled: Whether every file stands in a folder that is a label.
    """

    def __init__(
        self,
        name: str,
        schema: Schema,
        members: Sequence[str],
        *,
        on_bad: OnBad = "raise",
        progress: Callable[[int, int], None] | None = None,
    ):
        self.name = name
        self.schema = schema
        self.field = schema.inputs[0].name
        self.members = list(members)
        self.quarantined: list[tuple[str, str]] = []
        if not self.members:
            raise DataError(
                f"{name}: expected images ({self.kinds}), found none",
                hint="Give a folder or zip with image files, or a store (.h5).",
            )
        if on_bad == "quarantine":
            self._set_bad_aside(progress)
        self.shape = self.decode(0).shape
        self.ids = np.array(self.members, str)
        found = [_label(member) for member in self.members]
        self.labelled = None not in found
        self.labels = np.array([label or 0 for label in found], "uint8")
        if not self.labelled:
            self.labels[:] = 0

    kinds = ""

    @abc.abstractmethod
    def read_array(self, member: str) -> np.ndarray:
        """Decodes a file to `(y, x, band)` float32.

        Raises:
            DataError: If it cannot be decoded; the message starts with the
                member and a colon.
        """

    def decode(self, index: int) -> np.ndarray:
        """The image of a row, checked for size and finite pixels."""
        member = self.members[index]
        array, wrong, mend = self._try(member, expected=getattr(self, "shape", None))
        if array is None or wrong:
            raise DataError(
                f"{self.name}: {member}: {wrong}",
                hint=f"{mend} {ASIDE}",
            )
        return array

    def __len__(self) -> int:
        return len(self.members)

    def take(self, indices):
        indices = np.asarray(indices, int)
        empty = np.empty((0, *self.shape), "float32")
        images = np.stack([self.decode(i) for i in indices]) if len(indices) else empty
        targets = {"is_anomaly": self.labels[indices]} if self.labelled else {}
        meta = {"id": self.ids[indices], "group": self.ids[indices]}
        return Sample(self.schema, {self.field: images}, targets, meta, self.name)

    def facts(self):
        return {"id": self.ids, "group": self.ids, "is_anomaly": self.labels}

    def _try(self, member, expected=None) -> tuple[np.ndarray | None, str | None, str]:
        """The image, what is wrong with it, and how that is mended."""
        try:
            array = self.read_array(member)
        except DataError as error:
            wrong = str(error).removeprefix(f"{member}: ")
            return None, wrong, error.hint or "Repair the file."
        mend = "All images need one size and finite pixels."
        return array, fault(array, expected=expected), mend

    def _set_bad_aside(self, progress) -> None:
        shapes: dict[str, tuple[int, ...]] = {}
        reasons: dict[str, str] = {}
        for i, member in enumerate(self.members):
            array, wrong, _ = self._try(member)
            if array is None or wrong:
                reasons[member] = wrong or ""
            else:
                shapes[member] = array.shape
            if progress:
                progress(i + 1, len(self.members))
        if not shapes:
            member, reason = next(iter(reasons.items()))
            raise DataError(
                f"{self.name}: none of {len(self.members)} files can be read; the "
                f"first, {member}: {reason}",
                hint="Open one of them with another program to see what it is.",
            )
        # One odd file in front must not set all the others aside.
        usual = Counter(shapes.values()).most_common(1)[0][0]
        for member, shape in shapes.items():
            if shape != usual:
                reasons[member] = _wrong_size(shape, usual)
        self.quarantined = [(m, reasons[m]) for m in self.members if m in reasons]
        self.members = [m for m in self.members if m not in reasons]


def fault(array: np.ndarray, *, expected: tuple[int, ...] | None) -> str | None:
    """What is wrong with an image `(y, x, band)`, or None."""
    if expected is not None and array.shape != expected:
        return _wrong_size(array.shape, expected)
    bad = 1.0 - np.isfinite(array).mean()
    if bad:
        return f"expected finite pixels, found {bad:.2%} NaN or infinite"
    return None


def _wrong_size(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    return f"expected {_size(expected)}, found {_size(shape)}"


def _size(shape: tuple[int, ...]) -> str:
    y, x, band = shape
    return f"{y} x {x} pixels in {band} band" + ("s" if band > 1 else "")


def _label(member: str) -> int | None:
    parts = member.replace("\\", "/").split("/")[:-1]
    return LABELS.get(parts[-1]) if parts else None
