"""What an export feeds its model: the manifest's types, whatever the data holds."""

import numpy as np

from keras_astro.data.sample import Sample
from keras_astro.data.star_schema import STELLAR
from keras_astro.errors import DataError
from keras_astro.inference.held_out import model_inputs


def spec(**more):
    return {"shape": [None, 5], "dtype": "float32", **more}


def test_inputs_take_the_type_of_the_model_and_fill_what_is_missing():
    mask = np.eye(2, 5, dtype="uint8")
    sample = Sample(STELLAR, {"flux": np.ones((2, 5)), "mask": mask})
    specs = {"flux": spec(), "ivar": spec(fill=1.0), "mask": spec(fill=0.0)}
    found = model_inputs(sample, specs)
    assert {k: v.dtype.name for k, v in found.items()} == dict.fromkeys(
        specs, "float32"
    )
    np.testing.assert_array_equal(found["mask"], mask)
    assert (found["ivar"] == 1).all()


def test_an_input_that_nothing_stands_in_for_is_named(refused):
    sample = Sample(STELLAR, {"flux": np.ones((2, 5))}, name="stars.npz")
    specs = {"flux": spec(), "ivar": spec(), "mask": spec(fill=0.0)}
    with refused(DataError, "stars.npz: ", "flux, ivar, mask, found no ivar"):
        model_inputs(sample, specs)
