import json
import re

import keras
import matplotlib.image
import numpy as np
import pytest
from fake_case import SPACE, FakeTask, make_config
from fake_search import Killed, killer, outcome, rows_of, run_search
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_astro.config import TuneConfig
from keras_astro.errors import ConfigError, UsageError
from keras_astro.exports.tflite import convert
from keras_astro.tuning.deploy import costs, latency_ms
from keras_astro.tuning.objectives import (
    choose,
    dominated,
    draw_weights,
    front,
    scalarise,
)
from keras_astro.tuning.records import TrialRecord
from keras_astro.tuning.results import leaderboard

BOTH = "tune.objectives=[quality,latency]"

tables = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12)


@given(tables)
@settings(max_examples=60, deadline=None)
def test_dominated_agrees_with_the_definition(rows):
    def beats(a, b):
        pairs = list(zip(a, b, strict=True))
        return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)

    expected = [any(beats(other, row) for other in rows) for row in rows]
    assert dominated(np.array(rows)).tolist() == expected


def test_every_point_of_a_concave_front_is_the_lowest_for_some_weights():
    # A weighted sum would find the two ends alone.
    front_ = np.array([[0.0, 1.0], [0.6, 0.9], [0.9, 0.6], [1.0, 0.0], [1.0, 1.0]])
    found = {
        int(np.argmin(scalarise(front_, draw_weights(3, trial, 2))))
        for trial in range(200)
    }
    assert found == {0, 1, 2, 3}


def test_one_bad_trial_does_not_move_the_scale():
    values = np.array([[1.0, 5.0], [2.0, 4.0], [3.0, 3.0], [4.0, 2.0], [5.0, 1.0]])
    weights = np.array([0.3, 0.7])
    order = np.argsort(scalarise(values, weights))
    worse = values.copy()
    worse[4, 0] = 1e9
    np.testing.assert_array_equal(
        np.argsort(scalarise(worse, weights))[:2], [i for i in order if i != 4][:2]
    )


def record(number, objective, latency, **fields):
    metrics = {"latency_ms": latency, "size_kb": 1.0}
    return TrialRecord(number, "completed", {}, objective, metrics, **fields)


TRIALS = [
    record(1, 0.100, 5.0),
    record(2, 0.104, 3.0),
    record(3, 0.200, 1.0),
    record(4, 0.300, 4.0),
    TrialRecord(5, "failed", {}),
]


@pytest.mark.parametrize(
    ("slack", "chosen"), [(0.0, 1), (0.05, 2), (0.5, 2), (1.0, 3), (5.0, 3)]
)
def test_choice_gives_up_no_more_quality_than_allowed(slack, chosen):
    tune = make_config(BOTH, f"tune.quality_slack={slack}").tune
    assert choose(TRIALS, tune).number == chosen
    assert choose(TRIALS, make_config().tune).number == 1


def test_leaderboard_marks_the_front():
    rows = leaderboard(TRIALS, TuneConfig(objectives=("quality", "latency")))
    marks = [(row["trial"], row.get("pareto")) for row in rows]
    assert marks == [(1, True), (2, True), (3, True), (4, False), (5, None)]
    assert "pareto" not in leaderboard(TRIALS)[0]


def test_settings_of_several_rounds_stand_on_the_front_once():
    short = record(1, 0.2, 1.00, epochs=5)
    longer = record(2, 0.1, 1.01, epochs=15, parent=1)
    found = front([short, longer], ("quality", "latency"))
    assert [r.number for r in found] == [2]


@pytest.mark.parametrize("names", ["[latency]", "[latency,quality]", "[quality,speed]"])
def test_objectives_without_quality_first_are_refused(names):
    with pytest.raises(ConfigError, match="objectives"):
        make_config(f"tune.objectives={names}")


def test_several_objectives_need_a_converter(tmp_path, refused):
    with refused(UsageError, "latency need a converter", hint="Give convert"):
        run_search(tmp_path / "a", BOTH)
    assert not (tmp_path / "a").exists()


def dense(width):
    inputs = keras.Input((256,), name="image")
    hidden = keras.layers.Dense(width, "relu")(inputs)
    outputs = {"score": keras.layers.Dense(1, name="score")(hidden)}
    return {"predict": keras.Model({"image": inputs}, outputs)}


def test_larger_model_is_slower_and_larger_on_the_runtime():
    rows = {"image": np.ones((1, 256), "float32")}
    small, large = (convert(dense(w), quantize="none", rows={}) for w in (8, 4096))
    assert len(large) > 4 * 4096 * 257 > 100 * len(small)
    assert latency_ms(large, rows) > 3 * latency_ms(small, rows) > 0


class Deployable(FakeTask):
    """Its file is as large as the trial's width, without a converter at work."""

    def assemble(self, config, prepared, models, parts):
        assert parts.calibration is parts.validation
        return config.model.hidden

    def endpoints(self, model):
        return {"predict": model}


@pytest.fixture
def fake_costs(monkeypatch):
    def found(endpoints, convert, parts):
        return {"latency_ms": 1 / sum(endpoints["predict"]), "size_kb": 1.0}

    monkeypatch.setattr("keras_astro.tuning.hypermodel.costs", found)


@pytest.fixture
def searched(fake_costs, tmp_path):
    def go(name, *overrides, **options):
        return run_search(
            tmp_path / name,
            BOTH,
            *overrides,
            task=Deployable(fits=False),
            convert=convert,
            trials=6,
            **options,
        )

    return go


def test_search_leaves_the_front_in_every_result(searched):
    result = searched("a")
    rows = rows_of(result.folder)
    marked = {int(row["trial"]) for row in rows if row["pareto"] == "True"}
    assert marked == {r.number for r in result.front}
    assert 1 <= len(marked) < 6
    assert all(float(row["latency_ms"]) > 0 for row in rows)
    assert result.best in result.front
    assert result.best_config.model.hidden == result.best.values["model.hidden"]
    page = (result.folder / "tuning.html").read_text()
    content = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    shown = {t["number"] for t in content["trials"] if t["front"]}
    assert shown == marked
    assert "Trade-off" in page
    pixels = matplotlib.image.imread(result.folder / "plots" / "pareto.png")
    assert pixels[..., :3].std() > 0.02


@pytest.mark.parametrize("oracle", ["bayesian", "random"])
def test_resumed_search_of_a_trade_off_is_the_same(oracle, searched):
    whole = searched("whole", oracle=oracle)
    with pytest.raises(Killed):
        searched("cut", oracle=oracle, progress=killer("started", 5))
    again = searched("cut", oracle=oracle, resume=True)
    assert outcome(again.records) == outcome(whole.records)


def test_whole_path_measures_a_real_file(tmp_path, source):
    class Served(FakeTask):
        def endpoints(self, model):
            return {"predict": model}

    result = run_search(
        tmp_path / "a",
        "tune.objectives=[quality,latency,size]",
        task=Served(),
        trials=1,
        over=SPACE,
        convert=lambda endpoints: convert(endpoints, quantize="float16", rows={}),
    )
    found = result.best.metrics
    assert 0 < found["latency_ms"] < 100
    assert 0.5 < found["size_kb"] < 100


def test_inputs_that_rows_lack_are_made_up(source):
    class Rows:
        validation = source

    mask = keras.Input((2, 2, 1), name="mask")
    image = keras.Input((2, 2, 1), name="image")
    product = keras.layers.Multiply(name="product")([image, mask])
    model = keras.Model({"image": image, "mask": mask}, {"product": product})
    found = costs(
        {"predict": model}, lambda e: convert(e, quantize="none", rows={}), Rows
    )
    assert found["latency_ms"] > 0
