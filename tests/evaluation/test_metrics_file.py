import json

import numpy as np
import pytest

from keras_astro.errors import ArtefactError, DataError
from keras_astro.evaluation import plain_metrics, read_metrics, write_metrics
from keras_astro.metrics import Interval


def test_what_is_written_is_read_back(tmp_path):
    metrics = {
        "auc": Interval(0.9, 0.8, 0.95),
        "tpr": {"value": np.float32(0.5), "low": 0, "high": 1},
        "rows": np.int64(7),
        "mse": np.array(0.25),
    }
    found = read_metrics(write_metrics(tmp_path / "run" / "metrics.json", metrics))
    assert found == {
        "auc": Interval(0.9, 0.8, 0.95),
        "tpr": Interval(0.5, 0, 1),
        "rows": 7,
        "mse": 0.25,
    }
    assert isinstance(found["rows"], int)


def test_the_file_depends_on_the_metrics_and_not_on_their_order(tmp_path):
    first = write_metrics(tmp_path / "a.json", {"b": 1.5, "a": 2})
    second = write_metrics(tmp_path / "b.json", {"a": 2, "b": 1.5})
    assert first.read_bytes() == second.read_bytes()
    assert list(json.loads(first.read_text())) == ["a", "b"]


def test_no_metrics_are_an_empty_object(tmp_path):
    assert read_metrics(write_metrics(tmp_path / "metrics.json", {})) == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "auc: expected a finite number, received nan"),
        (Interval(0.5, 0.1, float("inf")), r"auc\.high: expected a finite number"),
        (None, "expected a number, received NoneType"),
        (True, "expected a number, received bool"),
        ("0.9", "expected a number, received str"),
        ([0.9], "expected a number, received list"),
        (np.array([0.9, 0.8]), "expected a number, received ndarray"),
        ({"value": 1.0}, "expected the keys value, low and high"),
        (Interval(0.5, 0.9, 0.1), "expected low <= high"),
    ],
)
def test_what_json_readers_cannot_use_is_refused(tmp_path, value, message):
    path = tmp_path / "metrics.json"
    with pytest.raises(DataError, match=message) as caught:
        write_metrics(path, {"auc": value})
    assert caught.value.hint
    assert not path.exists()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "1st", 3])
def test_names_are_flat(name):
    with pytest.raises(DataError, match="expected a metric name"):
        plain_metrics({name: 1.0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        ("[1]", "expected one JSON object, received list"),
        ('{"auc": null}', "expected a number, received NoneType"),
        ('{"auc": NaN}', "expected a finite number"),
        ('{"auc": {"a": {"b": 1}}}', "expected the keys value, low and high"),
    ],
)
def test_damaged_files_are_named(tmp_path, text, message):
    path = tmp_path / "metrics.json"
    path.write_text(text)
    with pytest.raises(ArtefactError, match=message) as caught:
        read_metrics(path)
    assert str(path) in str(caught.value)


def test_an_absent_file_says_what_to_do(tmp_path):
    with pytest.raises(ArtefactError) as caught:
        read_metrics(tmp_path / "metrics.json")
    assert "kastro evaluate" in caught.value.hint
