import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.evaluation import figures, style
from keras_astro.metrics import coverage, reliability


def legend_texts(figure):
    return [t.get_text() for box in figure.legends for t in box.get_texts()]


def test_history_has_a_panel_for_each_named_part():
    epochs = np.arange(30)
    history = {
        "epoch": epochs,
        "loss": 2.0 * np.exp(-epochs / 5) + 0.1,
        "val_loss": 2.0 * np.exp(-epochs / 5) + 0.1 + 0.001 * (epochs - 20) ** 2,
        "reconstruction": 1.0 + 0.01 * epochs,
        "learning_rate": np.full(30, 1e-3),
    }
    figure = figures.training_history(history)
    assert [a.get_title("left") for a in figure.axes] == ["loss", "reconstruction"]
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[1].get_yscale() == "linear"
    # Training, validation and the mark of the best epoch; then training and mark.
    assert [len(a.lines) for a in figure.axes] == [3, 2]
    best = int(np.argmin(history["val_loss"])) + 1
    assert list(figure.axes[0].lines[-1].get_xdata()) == [best, best]
    assert f"epoch {best}," in legend_texts(figure)[1]
    assert all(a.get_xlabel() == "Epoch" for a in figure.axes)


def test_history_of_one_epoch_is_visible():
    figure = figures.training_history({"loss": [0.5]})
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert legend_texts(figure) == ["training"]


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"epoch": [0]}])
def test_history_without_an_epoch_is_refused(history):
    with pytest.raises(DataError, match="at least one epoch"):
        figures.training_history(history)


def test_history_names_a_missing_part():
    with pytest.raises(DataError, match=r"\['kl'\]"):
        figures.training_history({"loss": [1.0]}, parts=["kl"])


def test_pull_histogram_is_a_density_and_counts_what_lies_beyond():
    rng = np.random.default_rng(0)
    groups = {"normal": rng.normal(size=500), "anomalous": rng.normal(5.0, 1.0, 400)}
    figure = figures.pull_histogram(groups, reference="population")
    axes = figure.axes[0]
    assert axes.get_xlim() == (-6.0, 6.0)
    assert "(estimate − population) / predicted error" in axes.get_xlabel()
    first, second, gaussian = legend_texts(figure)
    assert first.startswith("normal: mean ")
    beyond = np.mean(np.abs(groups["anomalous"]) > 6)
    assert f"{style.percent(beyond)} beyond ±6" in second
    assert gaussian == "unit Gaussian"
    for patch in axes.patches:
        x, y = patch.get_xy().T
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        assert area == pytest.approx(1.0)


def test_pull_histogram_of_one_vector():
    figure = figures.pull_histogram(np.array([-0.5, 0.5]))
    assert legend_texts(figure)[0] == "all rows: mean 0.00, sd 0.50"


def test_parity_shows_residuals_and_is_not_stretched_by_a_wild_row():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.8, 1.2, 400)
    prediction = truth + rng.normal(scale=0.01, size=400)
    prediction[7] = 1e3
    figure = figures.parity(truth, prediction, name="Einstein radius", unit="arcsec")
    top, bottom = figure.axes
    assert top.get_ylabel() == "Estimated Einstein radius [arcsec]"
    assert bottom.get_xlabel() == "True Einstein radius [arcsec]"
    assert bottom.get_ylabel() == "Residual [arcsec]"
    assert top.get_ylim()[1] < 2.0
    assert bottom.get_ylim()[1] < 0.1
    assert len(top.collections[0].get_offsets()) == 400
    assert "400 rows, " in top.texts[0].get_text()
    assert "beyond the residual axis" in top.texts[0].get_text()


def test_parity_draws_error_bars_and_colours():
    truth = np.linspace(0, 1, 50)
    figure = figures.parity(
        truth,
        truth + 0.01,
        name="n",
        errors=np.full(50, 0.02),
        values=truth**2,
        value_name="S/N",
    )
    top, _, bar = figure.axes
    assert bar.get_ylabel() == "S/N"
    assert len(top.containers) == 1
    assert top.get_xlabel() == ""
    assert top.get_title("left") == "n: RMSE 0.01"


def test_parity_needs_rows_that_match():
    with pytest.raises(DataError, match="one length"):
        figures.parity([1.0, 2.0], [1.0], name="n")


def test_coverage_curve_is_the_measured_coverage():
    pulls = np.random.default_rng(2).normal(size=1000)
    figure = figures.coverage_curve({"honest": pulls, "too small": 2.0 * pulls})
    _, honest, small = figure.axes[0].lines
    found = dict(zip(honest.get_xdata().round(2), honest.get_ydata(), strict=True))
    assert (
        found[0.95] == coverage(np.zeros(1000), pulls, np.ones(1000), nominal=0.95)[0]
    )
    assert np.all(small.get_ydata() <= honest.get_ydata())
    share = style.percent(np.mean(np.abs(pulls) <= 0.99445788))
    assert legend_texts(figure)[1].startswith(f"honest: 68 % holds {share},")


def test_pit_histogram_is_a_density_in_a_band():
    rng = np.random.default_rng(3)
    names = {"honest": rng.random(2000), "too small": rng.beta(0.5, 0.5, 2000)}
    figure = figures.pit_histogram(names, bins=10)
    for axes, values in zip(figure.axes, names.values(), strict=True):
        heights = axes.patches[-1].get_data().values
        np.testing.assert_allclose(heights, np.histogram(values, 10, (0, 1))[0] / 200)
        assert heights.mean() == pytest.approx(1.0)
    assert [a.get_title("left") for a in figure.axes] == ["honest", "too small"]
    assert legend_texts(figure) == ["95 % of bins if honest", "measured"]


@pytest.mark.parametrize(
    ("pit", "words"), [({}, "one parameter or more"), ({"n": [1.5]}, r"PIT of n.*1\.5")]
)
def test_pit_histogram_needs_probabilities(pit, words):
    with pytest.raises(DataError, match=words):
        figures.pit_histogram(pit)


def test_reliability_diagram_shows_the_bins_and_their_error():
    rng = np.random.default_rng(4)
    probability = rng.random(3000)
    curve = reliability(rng.random(3000) < probability**2, probability, bins=8)
    figure = figures.reliability_diagram({"network": curve})
    top, bottom = figure.axes
    diagonal, measured = top.lines[:2]
    assert list(diagonal.get_ydata()) == [0, 1]
    np.testing.assert_allclose(measured.get_ydata(), curve.frequency)
    np.testing.assert_allclose(bottom.lines[0].get_ydata(), curve.rows)
    error = style.percent(curve.calibration_error)
    assert legend_texts(figure) == [f"network: calibration error {error}"]


def test_reliability_diagram_needs_a_curve():
    with pytest.raises(DataError, match="one curve or more"):
        figures.reliability_diagram({})
