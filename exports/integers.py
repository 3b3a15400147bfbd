"""int8: weights of 8 bits, and as much integer arithmetic as the outputs allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_astro.exports.flat_integers import INT8, with_integers
from keras_astro.exports.flat_model import Kernel, kernels, load, values, with_probes
from keras_astro.exports.layer_inputs import moments_of
from keras_astro.exports.profiles import Profile
from keras_astro.exports.rounding import compensated, nearest
from keras_astro.exports.verify import FLAGS, STEPS, limit_of, rms_over_sd

# Rows at a time.
BLOCK = 16
# Errors on calibration rows may be so much of what the held-out rows are allowed.
MARGIN = 0.5

Arrays = dict[str, np.ndarray]


def to_integers(content: bytes, rows: Arrays, profile: Profile) -> bytes:
    """Rounds the weights of a file, and keeps layers in floats that integers spoil.

    Every wide dense layer and convolution first multiplies integers. While an output
    differs on the calibration rows by more than half of what is allowed, the layer that
    spoils outputs most by itself goes back to floats, with the same weights.

    Args:
        content: A file in float32.
        rows: Real input rows by name, for every signature of the file.
        profile: Whose bounds hold.
    """
    found = {k: kernel for k, kernel in kernels(load(content)).items() if kernel.wide}
    rounded = _rounded(content, found, rows)
    wanted = outputs_of(content, rows)

    def excess(held: Set[int]) -> float:
        made = outputs_of(with_integers(content, rounded, held), rows)
        return largest_excess(made, wanted, profile)

    held: set[int] = set()
    by_harm: list[int] | None = None
    while excess(held) > MARGIN and len(held) < len(found):
        if by_harm is None:
            by_harm = sorted(found, key=lambda k: excess(set(found) - {k}))
        held.add(by_harm.pop())
    return with_integers(content, rounded, held)


def largest_excess(found: Arrays, wanted: Arrays, profile: Profile) -> float:
    """The largest error of a continuous output, over what the profile allows."""
    ratios = [0.0]
    for name, value in wanted.items():
        output = name.split("/")[1]
        if output not in (*STEPS, *FLAGS):
            ratios.append(rms_over_sd(found[name], value) / limit_of(output, profile))
    return max(ratios)


def shares(content: bytes) -> dict[str, float]:
    """How much of a file's dense layers and convolutions is in integers.

    Returns:
        `weights`, the share of their weights that are stored in 8 bits, and
        `multiply_adds`, that of the products of `predict` that are made of integers.
    """
    model = load(content)
    (predict,) = (
        s.subgraphIndex for s in model.signatureDefs if s.signatureKey == b"predict"
    )
    found = kernels(model).values()
    stored = [k.size for k in found if k.type == INT8]
    multiplied = [k for k in found if k.type == INT8 and not k.restored]
    return {
        "weights": sum(stored) / sum(k.size for k in found),
        "multiply_adds": sum(k.multiply_adds[predict] for k in multiplied)
        / sum(k.multiply_adds[predict] for k in found),
    }


def _rounded(content: bytes, found: Mapping[int, Kernel], rows: Arrays):
    """Integers and scales of kernels, by number of buffer."""
    model = load(content)
    moments = moments_of(model, found, _blocks(with_probes(content, found), rows))
    rounded = {}
    for key, kernel in found.items():
        weights = values(model, key, kernel)
        if key in moments:
            rounded[key] = compensated(weights, moments.pop(key))
        else:
            rounded[key] = nearest(weights)
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
    interpreter = Interpreter(model_content=content, num_threads=1)
    for name, tensors in interpreter.get_signature_list().items():
        runner = interpreter.get_signature_runner(name)
        given = {key: rows[key] for key in tensors["inputs"]}
        for i in range(0, len(next(iter(given.values()))), BLOCK):
            found = runner(**{k: v[i : i + BLOCK] for k, v in given.items()})
            yield {f"{name}/{key}": value for key, value in found.items()}
