"""What stands around a SavedModel so that TF Serving takes it up and clients can test.

`NAME/1/assets.extra/tf_serving_warmup_requests` holds a request for every signature, as
TF Serving replays them before it answers anyone. `models.config` names the model.
`golden/` holds requests with their answers, in both of REST's formats.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_astro.serving.json_bodies import write_columns, write_rows
from keras_astro.serving.protos import PredictionLog
from keras_astro.serving.tensors import to_tensor

WARM_UP = "tf_serving_warmup_requests"
DEFAULT = "serving_default"
ROWS = 2

CONFIG = """\
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
}}
"""


def write_warm_up(
    folder: Path, name: str, signatures: dict[str, Any], rows: dict[str, np.ndarray]
) -> None:
    """Writes requests for every signature into the extra assets of a version.

    Args:
        folder: The version folder.
        name: Of the model.
        signatures: As in the manifest.
        rows: Real inputs by name.
    """
    extra = folder / "assets.extra"
    extra.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(extra / WARM_UP)) as writer:
        for signature in (DEFAULT, *signatures):
            inputs = signatures["predict" if signature == DEFAULT else signature]
            log = PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key in inputs["inputs"]:
                request.inputs[key].CopyFrom(to_tensor(rows[key][:ROWS]))
            writer.write(log.SerializeToString())


def write_around(
    folder: Path,
    name: str,
    endpoints: dict[str, keras.Model],
    rows: dict[str, np.ndarray],
) -> None:
    """Writes `models.config` and `golden/` beside a model's folder.

    Args:
        folder: Where the model's folder is.
        name: Of the model.
        endpoints: The Keras models by signature name.
        rows: Real inputs by name.
    """
    (folder / "models.config").write_text(CONFIG.format(name=name))
    golden = folder / "golden"
    golden.mkdir()
    for signature, endpoint in endpoints.items():
        inputs = {key: rows[key][:ROWS] for key in endpoint.input}
        # On these rows alone: sums round otherwise in batches of another size.
        outputs = endpoint.predict_on_batch(inputs)
        by_row = write_rows(inputs)["predictions"]
        by_column = write_columns(inputs)["outputs"]
        bodies = {
            "rows.request": {"signature_name": signature, "instances": by_row},
            "rows.response": write_rows(outputs),
            "columns.request": {"signature_name": signature, "inputs": by_column},
            "columns.response": write_columns(outputs),
        }
        for kind, body in bodies.items():
            (golden / f"{signature}.{kind}.json").write_text(json.dumps(body))
