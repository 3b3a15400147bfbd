import numpy as np

from keras_astro.inference.alert_quality import alert_flags


def test_flags_name_what_is_missing():
    rng = np.random.default_rng(0)
    stamps = rng.normal(size=(5, 21, 21, 3)).astype("float32")
    stamps[1, :6] = np.nan
    stamps[2, 10, 10, 2] = 3.4e38
    stamps[3, ..., 1] = np.nan
    stamps[4, ..., 0] = 7.0
    assert alert_flags({"stamps": stamps}).tolist() == [
        "",
        "masked",
        "masked_centre",
        "masked,masked_centre,no_template",
        "constant",
    ]
