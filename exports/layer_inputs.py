"""What the layers of a TFLite file see of real rows: second moments of their inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_astro.exports.flat_model import DENSE, PROBE, Kernel

# Wider inputs have moments of more than 200 MB.
WIDEST = 5000
# Places of an image that count, of each row.
PLACES = 64


def moments_of(
    model, found: Mapping[int, Kernel], blocks: Iterable[dict[str, np.ndarray]]
) -> dict[int, np.ndarray]:
    """Mean of x x^T over the inputs x of each kernel, by number of buffer.

    Args:
        model: Objects of the file.
        found: Kernels by number of buffer.
        blocks: Outputs of the file's signatures with probes.

    Returns:
        `(input, input)` each; none of kernels that are too wide or see no rows.
    """
    total: dict[int, np.ndarray] = {}
    count: dict[int, int] = {}
    readers = _readers(model, found)
    draws = np.random.default_rng(0)
    for block in blocks:
        for name, value in block.items():
            for key, operator in readers.get(name.split("/")[1], ()):
                seen = _inputs(model, operator, found[key].shape, value, draws)
                if key not in total:
                    total[key] = np.zeros((seen.shape[1],) * 2)
                total[key] += seen.T @ seen
                count[key] = count.get(key, 0) + len(seen)
    for key, moments in total.items():
        # In place: those of all kernels fill much of the memory.
        moments /= count[key]
    return total


def _readers(model, found: Mapping[int, Kernel]) -> dict[str, list]:
    """Kernels and operators by the name of the probe of what they see."""
    readers: dict[str, list] = {}
    for key, kernel in found.items():
        if kernel.size // kernel.shape[0] > WIDEST:
            continue
        for number, position in kernel.uses:
            operator = model.subgraphs[number].operators[position]
            name = f"{PROBE}:{number}:{int(operator.inputs[0])}"
            readers.setdefault(name, []).append((key, operator))
    return readers


def _inputs(model, operator, shape, value: np.ndarray, draws) -> np.ndarray:
    """What a kernel is multiplied with, `(place, input)`."""
    if model.operatorCodes[operator.opcodeIndex].builtinCode == DENSE:
        return value.reshape(-1, shape[-1]).astype(np.float64)
    return _patches(operator.builtinOptions, shape, value, draws)


def _patches(options, shape, images: np.ndarray, draws) -> np.ndarray:
    """Patches that a convolution sees at random places, `(place, input)`."""
    steps = options.strideH, options.strideW
    dilations = options.dilationHFactor, options.dilationWFactor
    sizes = [(n - 1) * d + 1 for n, d in zip(shape[1:3], dilations, strict=True)]
    if options.padding == schema.Padding.SAME:
        pads = [
            max((-(-length // step) - 1) * step + size - length, 0)
            for length, step, size in zip(images.shape[1:3], steps, sizes, strict=True)
        ]
        around = [(pad // 2, pad - pad // 2) for pad in pads]
        images = np.pad(images, ((0, 0), *around, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(images, sizes, axis=(1, 2))
    windows = windows[:, :: steps[0], :: steps[1], :, :: dilations[0], :: dilations[1]]
    places = [draws.integers(0, n, PLACES * len(images)) for n in windows.shape[:3]]
    patches = windows[tuple(places)]
    # Windows come after channels; a kernel has them before.
    return np.moveaxis(patches, 1, -1).reshape(len(patches), -1).astype(np.float64)
