"""int8: weights of 8 bits, and as much integer arithmetic as the outputs allow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Set

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_astro.errors import DataError, VerificationError
from keras_astro.exports.flat_integers import with_integers
from keras_astro.exports.flat_model import Kernel, kernels, load, values, with_probes
from keras_astro.exports.layer_inputs import moments_of
from keras_astro.exports.profiles import Profile
from keras_astro.exports.rounding import compensated, nearest
from keras_astro.exports.verify import (
    FLAGS,
    STEPS,
    limit_of,
    predicted,
    rms_over_sd,
)

# Rows at a time.
BLOCK = 16
# Errors on calibration rows may be so much of what the held-out rows are allowed.
MARGIN = 0.5
# Of fewer rows neither moments nor the spread of an output mean anything.
FEWEST_ROWS = 10
FLOATS = "Export in float16 instead."

Arrays = dict[str, np.ndarray]
# Figures of merit of outputs of `predict`, for the truth that is given first.
Merit = Callable[[Arrays, Arrays], dict[str, float]]


def to_integers(
    content: bytes, rows: Arrays, profile: Profile, *, merit: Merit | None = None
) -> bytes:
    """Rounds the weights of a file, and keeps layers in floats that integers spoil.

    Every wide dense layer and convolution first multiplies integers. While an output
    differs on the calibration rows by more than half of what is allowed, the layer that
    spoils outputs most by itself goes back to floats, with the same weights.

    Args:
        content: A file in float32.
        rows: Real input rows by name, for every signature of the file.
        profile: Whose bounds hold.
        merit: At most 1 each. Their loss is measured with the answers of `content` for
            truth: of so few rows the truth itself would say little of it. Merits that
            need other truth are left to `verify`.

    Raises:
        DataError: If the rows are too few.
        VerificationError: If the runtime cannot run the file, or weights cannot be
            rounded.
    """
    check_rows(rows)
    found = {k: kernel for k, kernel in kernels(load(content)).items() if kernel.wide}
    rounded = _rounded(content, found, rows)
    wanted = outputs_of(content, rows)

    def excess(held: Set[int]) -> float:
        made = outputs_of(with_integers(content, rounded, held), rows)
        found = largest_excess(made, wanted, profile)
        if merit is None or not np.isfinite(found):
            return found
        return max(found, merit_excess(made, wanted, merit, profile))

    held: set[int] = set()
    by_harm: list[int] | None = None
    while excess(held) > MARGIN and len(held) < len(found):
        if by_harm is None:
            by_harm = sorted(found, key=lambda k: excess(set(found) - {k}))
        held.add(by_harm.pop())
    return with_integers(content, rounded, held)


def check_rows(rows: Arrays) -> None:
    """Whether rows are enough to round weights on.

    Raises:
        DataError: If they are not.
    """
    count = min(map(len, rows.values()))
    if count < FEWEST_ROWS:
        raise DataError(
            f"quantize = int8: expected at least {FEWEST_ROWS} calibration rows to "
            f"round weights on, found {count}",
            hint="Train with a larger data.calibration_fraction, or export in float16.",
        )


def largest_excess(found: Arrays, wanted: Arrays, profile: Profile) -> float:
    """The largest error of a continuous output, over what the profile allows.

    It is infinite where any output is not finite.
    """
    ratios = [0.0]
    for name, value in wanted.items():
        if not np.isfinite(found[name]).all():
            return np.inf
        output = name.split("/")[1]
        if output not in (*STEPS, *FLAGS):
            ratios.append(rms_over_sd(found[name], value) / limit_of(output, profile))
    return max(ratios)


def merit_excess(
    found: Arrays, wanted: Arrays, merit: Merit, profile: Profile
) -> float:
    """The error that loses most merit, over that which loses what the profile allows.

    Losses grow as squares of errors, so that half an error is a quarter of a loss. It
    is 0 where the answers do not tell what the merit needs, such as the class of an
    alert, and infinite where a loss is not finite.
    """
    before, after = predicted(wanted), predicted(found)
    if not before:
        return 0.0
    best, left = merit(before, before), merit(before, after)
    losses = [(best[name] - left[name]) / profile.merit_loss for name in best]
    if not np.isfinite(losses).all():
        return np.inf
    return float(np.sqrt(max([0.0, *losses])))


def _rounded(content: bytes, found: Mapping[int, Kernel], rows: Arrays):
    """Integers and scales of kernels, by number of buffer."""
    model = load(content)
    moments = moments_of(model, found, _blocks(with_probes(content, found), rows))
    rounded = {}
    for key, kernel in found.items():
        weights = values(model, key, kernel)
        if key not in moments:
            rounded[key] = nearest(weights)
            continue
        try:
            rounded[key] = compensated(weights, moments.pop(key))
        except np.linalg.LinAlgError as error:
            raise VerificationError(
                f"quantize = int8: what a layer of {weights.shape[1]} inputs sees of "
                f"the calibration rows has no inverse ({error})",
                hint=FLOATS,
            ) from error
    return rounded


def outputs_of(content: bytes, rows: Arrays) -> Arrays:
    """What every signature of a file gives, as `signature/output`."""
    parts: dict[str, list[np.ndarray]] = {}
    for block in _blocks(content, rows):
        for name, value in block.items():
            parts.setdefault(name, []).append(value)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _blocks(content: bytes, rows: Arrays) -> Iterator[Arrays]:
    """Outputs of every signature for some rows at a time."""
    with _refusals():
        interpreter = Interpreter(model_content=content, num_threads=1)
        signatures = interpreter.get_signature_list()
    for name, tensors in signatures.items():
        with _refusals():
            runner = interpreter.get_signature_runner(name)
        given = {key: rows[key] for key in tensors["inputs"]}
        for i in range(0, len(next(iter(given.values()))), BLOCK):
            block = {key: value[i : i + BLOCK] for key, value in given.items()}
            with _refusals():
                found = runner(**block)
            yield {f"{name}/{key}": value for key, value in found.items()}


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What the runtime raises of a file that it cannot run, as a refusal."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise VerificationError(
            f"quantize = int8: the runtime cannot run the file: {lines[0][:300]}",
            hint=FLOATS,
        ) from error
