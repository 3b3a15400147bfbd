import keras
import numpy as np
import tensorflow as tf

from keras_astro.exports import saved_model


def test_the_default_signature_is_predict_and_costs_no_trace(tmp_path, monkeypatch):
    x = keras.Input((3,), name="x")
    endpoints = {
        name: keras.Model({"x": x}, {name: keras.layers.Dense(2)(x)})
        for name in ("encode", "predict")
    }
    traced = []

    def serving(endpoint):
        def call(inputs):
            traced.append(endpoint)
            return endpoint(inputs, training=False)

        return call

    monkeypatch.setattr(saved_model, "serving", serving)
    saved_model.write_saved_model(endpoints, tmp_path / "1")
    counts = {name: traced.count(model) for name, model in endpoints.items()}
    assert counts["predict"] == counts["encode"]
    found = tf.saved_model.load(str(tmp_path / "1")).signatures
    assert set(found) == {"encode", "predict", "serving_default"}
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    default = found["serving_default"](x=tf.constant(rows))["predict"]
    expected = endpoints["predict"]({"x": rows})["predict"]
    np.testing.assert_allclose(default, expected, rtol=1e-5)
