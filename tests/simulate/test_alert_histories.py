"""Objects with several alerts: light curves and what stays the same between them."""

import numpy as np
import pytest

from keras_astro.data.alert_schema import CLASSES, FEATURES
from keras_astro.simulate.alert_config import AlertSimulation
from keras_astro.simulate.alert_light_curves import CURVES
from keras_astro.simulate.alerts import simulate


@pytest.mark.parametrize("label", CLASSES)
@pytest.mark.parametrize("first", [-0.4, 1.5])
def test_light_curves_start_at_the_first_alert(label, first):
    days = np.array([0.0, 1.0, 4.0, 30.0])
    change = CURVES[label](np.random.default_rng(2), first)(days)
    assert np.isfinite(change).all()
    assert change[0] == pytest.approx(1.0, abs=0.3 if label == "AGN" else 1e-9)


def test_supernovae_fade_by_a_tenth_of_a_magnitude_a_day_at_most():
    for seed in range(20):
        curve = CURVES["SN"](np.random.default_rng(seed), 1.0)
        late = curve(np.array([40.0, 50.0]))
        assert 0 < -2.5 * np.log10(late[1] / late[0]) <= 1.001


def test_histories_keep_their_place_and_order():
    config = AlertSimulation(max_alerts=4)
    one, two = (simulate(config, 128, seed=3, jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one.inputs["stamps"], two.inputs["stamps"])
    group, counts = np.unique(one.meta["group"], return_counts=True)
    assert counts.max() == 4
    place = list(FEATURES).index("galactic_latitude_deg")
    for name in group[counts > 1]:
        rows = one.meta["group"] == name
        assert len(np.unique(one.inputs["metadata"][rows, place])) == 1
        assert (np.diff(one.meta["mjd"][rows]) > 0).all()
    lone = one.meta["group"][one.targets["label"] == "asteroid"]
    assert len(np.unique(lone)) == len(lone)
