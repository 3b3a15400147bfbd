import dataclasses
import html
import json
import re

import matplotlib.image
import pytest
from fake_case import SPACE, FakeTask
from fake_search import rows_of, run_search

from keras_astro.tasks.catalog import load_config
from keras_astro.tuning.axes import Axis, make_axes
from keras_astro.tuning.figure import height, parallel_coordinates, shown, ticks
from keras_astro.tuning.page import page
from keras_astro.tuning.records import TrialRecord, ranked
from keras_astro.tuning.results import leaderboard

SEARCHED = {"model.hidden", "model.latent_dim", "train.learning_rate"}


def flat(values, prefix=""):
    found = {}
    for key, value in values.items():
        nested = isinstance(value, dict)
        found |= flat(value, f"{prefix}{key}.") if nested else {prefix + key: value}
    return found


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    task = FakeTask(fits=False, failures={3: ValueError("<script>alert(1)</script>")})
    return run_search(tmp_path_factory.mktemp("results") / "a", task=task)


def test_what_was_not_searched_is_said_and_holds_in_every_trial(tmp_path):
    told = []
    settings = ["model.latent_dim=3", "tune.fixed=[model.latent_dim]"]
    found = run_search(tmp_path / "a", *settings, story=told.append)
    assert told == ["not searched, as asked: model.latent_dim = 3"]
    # Its part in the objective of the fake case.
    widths = {sum(r.values["model.hidden"]) for r in found.records}
    penalties = {round(r.metrics["penalty"], 9) for r in found.records}
    assert penalties == {round(3e-3 + 1e-4 * width, 9) for width in widths}
    written = (found.folder / "tuning.html").read_text()
    assert "Not searched, as asked: model.latent_dim = 3." in written
    content = json.loads((found.folder / "leaderboard.json").read_text())
    assert content["space"]["model.latent_dim"] == "fixed at 3"
    assert found.best_config.model.latent_dim == 3


def test_leaderboard_is_current_after_each_trial(tmp_path):
    folder = tmp_path / "a"
    ended = []

    def progress(event):
        if event.kind not in ("completed", "failed"):
            return
        ended.append(event.trial)
        rows = rows_of(folder)
        trials = json.loads((folder / "leaderboard.json").read_text())["trials"]
        assert sorted(int(row["trial"]) for row in rows) == ended
        assert [t["trial"] for t in trials] == [int(row["trial"]) for row in rows]
        assert event.best.number == int(rows[0]["trial"])
        assert event.record.status == event.kind

    run_search(
        folder, task=FakeTask(fits=False, failures={2: "nan"}), progress=progress
    )
    assert ended == [1, 2, 3, 4, 5]


def test_leaderboard_is_ranked_with_failures_last(result):
    rows = rows_of(result.folder)
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", ""]
    objectives = [float(row["objective"]) for row in rows[:-1]]
    assert objectives == sorted(objectives)
    assert rows[-1]["status"] == "failed"
    assert "alert(1)" in rows[-1]["reason"]
    assert float(rows[0]["train.learning_rate"]) == pytest.approx(
        result.best.values["train.learning_rate"]
    )
    assert {"reconstruction", "penalty", "seconds", "seed"} < set(rows[0])


def test_leaderboard_json_nests_the_searched_values(result):
    content = json.loads((result.folder / "leaderboard.json").read_text())
    assert content["schema_version"] == 1
    assert (content["task"], content["oracle"]) == ("lensing", "random")
    assert content["direction"] == "min"
    assert SEARCHED < set(content["space"])
    for trial in content["trials"]:
        assert set(trial["values"]) == SEARCHED


def test_best_settings_differ_only_in_what_was_searched(result):
    best = load_config(str(result.folder / "best.yaml"))
    assert best == result.best_config
    then, now = (flat(c.model_dump(mode="json")) for c in (result.config, best))
    assert {key for key in then if then[key] != now[key]} <= SEARCHED
    assert best.train.learning_rate == result.best.values["train.learning_rate"]
    assert best.model.hidden == result.best.values["model.hidden"]


def test_page_loads_nothing_and_holds_each_trial(result):
    page = (result.folder / "tuning.html").read_text()
    loads = r"""(?:src|href)\s*=|@import|url\(|<link|fetch\(|XMLHttpRequest|import\("""
    assert not re.findall(loads, page)
    # The one address is the name of SVG elements, which is never fetched.
    assert set(re.findall(r"https?://[^\s\"']+", page)) <= {
        "http://www.w3.org/2000/svg"
    }
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    content = json.loads(data[1])
    shown = [trial["number"] for trial in content["trials"]]
    assert shown == [record.number for record in result.ranking]
    for trial in content["trials"]:
        assert len(trial["heights"]) == len(trial["texts"]) == len(content["axes"])
        assert all(0 <= h <= 1 for h in trial["heights"])
    assert "Trial 3: ValueError" in page
    assert result.space.objective in html.unescape(page)
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>") in page


def test_the_chosen_trial_stands_out_on_page_and_figure(result):
    """Which is another than the first where other seeds have spoken."""
    second = dataclasses.replace(result, best=result.ranking[1])
    axes = make_axes(result.space, list(result.records))
    data = re.search(r'id="data">(.*?)</script>', page(second, axes))
    trials = json.loads(data[1])["trials"]
    assert [trial["chosen"] for trial in trials] == [False, True, False, False]
    figure = parallel_coordinates(axes, list(result.records), second.best)
    thick = max(figure.axes[0].lines, key=lambda line: line.get_linewidth())
    assert thick.get_label().startswith(f"best: trial {second.best.number},")


@pytest.mark.parametrize(
    ("scale", "low", "high", "labels"),
    [
        ("linear", -4.802, 3.838, "\u22124 \u22122 0 2"),
        ("linear", 0.9012, 0.9034, "0.9015 0.902 0.9025 0.903"),
        ("linear", 0.1, 0.3, "0.1 0.15 0.2 0.25 0.3"),
        ("log", 1e-5, 1e-1, "1e\u221205 0.0001 0.001 0.01 0.1"),
        ("log", 1e-12, 1e3, "1e\u221212 1e\u221209 1e\u221206 0.001 1 1000"),
        ("log", 21.0, 49.0, "30 40"),
    ],
)
def test_ticks_are_round_numbers_where_they_belong(scale, low, high, labels):
    axis = Axis("a", "result", scale, low, high)
    found = ticks(axis)
    assert [label for _, label in found] == labels.split()
    for at, label in found:
        value = float(label.replace("\u2212", "-"))
        assert at == pytest.approx(height(axis, value), abs=1e-6)


def test_of_settings_trained_in_rounds_the_last_is_drawn():
    records = [
        TrialRecord(1, "completed", {}, objective=0.5),
        TrialRecord(2, "completed", {}, objective=0.7),
        TrialRecord(3, "completed", {}, objective=0.6, parent=1),
        TrialRecord(4, "failed", {}, parent=2),
    ]
    assert [record.number for record in shown(records, records[2])] == [3, 2]
    assert [record.number for record in shown(records, records[0])] == [1, 3, 2]


def test_figure_is_drawn(result):
    path = result.folder / "plots" / "parallel_coordinates.png"
    pixels = matplotlib.image.imread(path)
    assert min(pixels.shape[:2]) > 300
    assert pixels[..., :3].std() > 0.02
    assert path.stat().st_size > 20_000


def test_equal_objectives_rank_the_longer_trained_then_the_earlier():
    records = [
        TrialRecord(1, "completed", {}, objective=0.5, epochs=5),
        TrialRecord(2, "completed", {}, objective=0.5, epochs=15),
        TrialRecord(3, "completed", {}, objective=0.5, epochs=15),
        TrialRecord(4, "running", {}),
    ]
    assert [record.number for record in ranked(records)] == [2, 3, 1]
    assert [row["rank"] for row in leaderboard(records)] == [1, 2, 3, None]


def test_axes_cover_settings_epochs_and_results(whole, config):
    result = whole("hyperband")
    axes = make_axes(result.space, list(result.records))
    names = [axis.key for axis in axes]
    assert names[:3] == [d.key for d in SPACE.around(config).dimensions]
    assert names[3:] == ["epochs", "reconstruction", "penalty", "objective"]
    assert [axis.kind for axis in axes] == ["setting"] * 4 + ["result"] * 3
    for axis in axes:
        assert all(0 <= at <= 1 for at, _ in ticks(axis))


def test_results_over_decades_get_a_logarithmic_axis(config):
    values = {"model.latent_dim": 2, "model.hidden": (4,), "train.learning_rate": 0.01}
    records = [
        TrialRecord(i, "completed", values, objective=10.0**i, metrics={"one": 1.0})
        for i in range(1, 4)
    ]
    *_, one, objective = make_axes(SPACE.around(config), records)
    assert objective.scale == "log"
    assert height(objective, 100.0) == pytest.approx(0.5)
    assert height(one, 1.0) == pytest.approx(0.5)
    assert height(Axis("a", "result", "linear", 0.0, 1.0), None) is None
