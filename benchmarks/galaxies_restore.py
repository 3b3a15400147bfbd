"""Makes a run of the galaxies preset again, with widths corrected as they are now.

The weights are read out of the preset's file, so that errors stay as they were but for
the rounding of half precision; widths are then fitted by the recipe, on galaxies of its
stream that no batch of the training had. It stops where the network does not give what
the preset gives. A training by the recipe needs none of this: it ends with that fit.

    python benchmarks/galaxies_restore.py RUN
    kastro export RUN --format tflite --quantize float16
    kastro evaluate RUN/exports/tflite-float16/*.tflite --data v3.h5 -o RUN
    kastro export RUN --format tflite --quantize float16 --overwrite
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_astro.data.sample import Source
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.presets import preset_files, recipe
from keras_astro.simulate.galaxy_config import PARAMETERS
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.default_data import open_rows
from keras_astro.tasks.galaxies import STAGE, build_network
from keras_astro.training.run import Run
from keras_astro.training.train import finish, load_or_make_split, make_parts

# Root mean square difference of a mean, over its standard deviation among galaxies:
# constants such as the mean noise level are rounded in the file, and widths of another
# correction move the mean of what is bent. Another network is off by 1 or more.
LARGEST = 0.01


def stored_weights(path: Path) -> dict[str, list[np.ndarray]]:
    """Kernel and bias of each layer of the file's `posterior` signature."""
    interpreter = Interpreter(str(path))
    names = {t["index"]: t["name"] for t in interpreter.get_tensor_details()}
    halves, found = {}, {}
    for operation in interpreter._get_ops_details():
        if operation["op_name"] == "DEQUANTIZE":
            halves[int(operation["outputs"][0])] = int(operation["inputs"][0])
        if operation["op_name"] in ("CONV_2D", "FULLY_CONNECTED"):
            _, *pair = (halves.get(int(k), -1) for k in operation["inputs"])
            if pair[0] < 0:
                continue
            layer = re.match(r"posterior_1/(\w+?)_1/", names[pair[0]])[1]
            kernel, *bias = (
                interpreter.get_tensor(k).astype("float32") for k in pair if k >= 0
            )
            # Output channels come first in the file and last in Keras.
            found[layer] = [np.moveaxis(kernel, 0, -1), *bias]
    return found


def restored(config, path: Path) -> keras.Model:
    """The network with the weights of a file."""
    network, weights = build_network(config, (64, 64, 1)), stored_weights(path)
    # The converter has the scale of the stretched image in the first kernel.
    softening = config.preprocessing.asinh_softening
    weights["down_0"][0] *= np.float32(math.asinh(1 / softening))
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    return network


def check(model: keras.Model, path: Path, rows: Source) -> None:
    """Stops where the means are not those of the file."""
    inputs = {name: rows.read().inputs[name] for name in model.input}
    found = model.predict(inputs, batch_size=256, verbose=0)
    expected = open_predictor(path).run("predict", inputs, batch_size=256)
    for name in PARAMETERS:
        rest = np.sqrt(np.mean((found[name] - expected[name]) ** 2))
        rest /= expected[name].std()
        print(f"{name}: {rest:.5f} of the standard deviation apart")
        if not rest < LARGEST:
            raise SystemExit(f"{path} has another network than the recipe's")


def main() -> None:
    """Makes the run."""
    path, task = preset_files()["galaxies"], get_task("galaxies")
    config = load_config(str(recipe("galaxies")))
    run = Run.create(Path(sys.argv[1]), config)
    rows = open_rows(task, config, story=print)
    parts = make_parts(rows, load_or_make_split(rows, run, config))
    models = {STAGE: restored(config, path)}
    model = task.assemble(config, task.prepare(config, parts), models, parts)
    check(model, path, rows)
    print(model.get_layer("posterior").stretch.numpy().round(4))
    finish(task, model, run, axes=parts.train.read(0, 1).axes)


if __name__ == "__main__":
    main()
