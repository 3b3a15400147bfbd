"""What a trial's model costs where it is deployed: latency and size of its file."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_astro.config import RunConfig
from keras_astro.tasks.base import Parts, Task

# From a model's signatures to the file that an observatory would get.
Convert = Callable[[dict[str, keras.Model]], bytes]

SIGNATURE = "predict"
WARM_CALLS = 20
LEAST_CALLS, MOST_CALLS = 50, 2000
SECONDS = 0.5


def deployed(
    task: Task,
    config: RunConfig,
    prepared,
    models: Mapping[str, keras.Model],
    parts: Parts,
) -> dict[str, keras.Model]:
    """The signatures of a trial's whole model, as an export would have them.

    Thresholds come from the validation rows, because a search may not read the
    calibration rows; they change neither latency nor size.
    """
    stand_in = replace(parts, calibration=parts.validation)
    model = task.assemble(config, prepared, models, stand_in)
    return task.endpoints(model)


def costs(
    endpoints: dict[str, keras.Model], convert: Convert, parts: Parts
) -> dict[str, float]:
    """Latency and size of a model's file.

    Args:
        endpoints: The model's signatures.
        convert: Makes the file.
        parts: Rows; one of them is what the model is run on.

    Returns:
        `latency_ms` of one row on one thread, and `size_kb` in 1000 bytes.
    """
    content = convert(endpoints)
    given = parts.validation.read(0, 1).inputs
    inputs = {
        # An input that the rows lack has no bearing on the time either.
        name: np.asarray(given.get(name, np.ones((1, *tensor.shape[1:]))), tensor.dtype)
        for name, tensor in endpoints[SIGNATURE].input.items()
    }
    return {"latency_ms": latency_ms(content, inputs), "size_kb": len(content) / 1000}


def latency_ms(content: bytes, inputs: Mapping[str, np.ndarray]) -> float:
    """Milliseconds of one call: one thread, warm, the median of many calls.

    Args:
        content: A TFLite file with a `predict` signature.
        inputs: One row by input name.
    """
    interpreter = Interpreter(model_content=content, num_threads=1)
    run = interpreter.get_signature_runner(SIGNATURE)
    for _ in range(WARM_CALLS):
        run(**inputs)
    times: list[float] = []
    while len(times) < LEAST_CALLS or (
        sum(times) < SECONDS and len(times) < MOST_CALLS
    ):
        start = time.perf_counter()
        run(**inputs)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)
