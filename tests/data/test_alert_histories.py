"""Alerts with the earlier ones of their object: order, padding, and no look ahead."""

import numpy as np

from keras_astro.data.alert_histories import AlertHistories, with_histories
from keras_astro.data.alert_schema import ALERTS, UNKNOWN
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.errors import DataError


def night(mjd):
    rows = np.arange(5, dtype="float32")
    return MemorySource(
        Sample(
            ALERTS,
            {"stamps": np.ones((5, 3, 3, 3), "float32") * rows[:, None, None, None]},
            {"label": np.array(["SN", "VS", "SN", "SN", "bogus"])},
            {
                "id": rows.astype(str),
                "group": np.array(["a", "b", "a", "a", "c"]),
                "mjd": np.array(mjd),
                "band": np.array(["g", "r", "r", "", "i"]),
            },
        )
    )


def test_each_alert_sees_itself_and_the_past_alone():
    rows = AlertHistories(night([30.0, 1.0, 10.0, 20.0, 5.0]), 2)
    found = rows.take([0, 2, 3, 4])
    seen = found.inputs["stamps"][:, :, 0, 0, 0]
    np.testing.assert_array_equal(seen, [[0, 3], [2, np.nan], [3, 2], [4, np.nan]])
    days = found.inputs["days"].tolist()
    unknown = float(np.float32(UNKNOWN))
    assert days == [[0, 10], [0, unknown], [0, 10], [0, unknown]]
    assert found.inputs["band"][0].tolist() == [0, unknown]
    assert found.targets["label"].tolist() == ["SN", "SN", "SN", "bogus"]
    assert np.isnan(found.inputs["metadata"]).all()


def test_lone_alerts_need_no_time_and_others_do(refused):
    lone = night([np.nan] * 5)
    lone.sample.meta["group"] = lone.sample.meta["id"]
    assert AlertHistories(lone, 4).take([1]).inputs["days"][0, 0] == 0
    with refused(DataError, "time of each alert of a", hint="mjd"):
        AlertHistories(night([np.nan] * 5), 4)


def test_models_of_single_alerts_get_single_alerts():
    source = night([1.0] * 5)
    assert with_histories(source, (None, 3, 3, 3)) is source
    assert with_histories(source, (None, 4, 3, 3, 3)).steps == 4
