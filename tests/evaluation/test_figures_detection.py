import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_rgba

from keras_astro.errors import DataError
from keras_astro.evaluation import figures, style
from keras_astro.metrics import Interval, auc, detection_curve

LABELS = np.repeat([0, 1], [120, 80])


@pytest.fixture
def scores():
    return np.exp(np.random.default_rng(0).normal(size=200) + 1.5 * LABELS)


def legend_texts(figure):
    boxes = figure.legends + [a.get_legend() for a in figure.axes if a.get_legend()]
    return [text.get_text() for box in boxes for text in box.get_texts()]


def test_loss_distribution_shows_both_classes_and_the_threshold(scores):
    figure = figures.loss_distribution(
        scores, LABELS, threshold=4.0, name="Reconstruction MSE", unit="stretched²"
    )
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Reconstruction MSE [stretched²]"
    assert axes.get_xlim() == pytest.approx((scores.min(), scores.max()))
    assert f"{auc(LABELS, scores):.4f}" in axes.get_title("left")
    counts = [sum(p.get_height() for p in c) for c in axes.containers if len(c) > 1]
    assert counts == [120, 80]
    line = [x for x in axes.lines if x.get_linestyle() == "--"][0]
    assert list(line.get_xdata()) == [4.0, 4.0]
    share = style.percent(np.mean(scores[LABELS == 1] > 4.0))
    assert any(text.endswith(f"and {share}") for text in legend_texts(figure))


def test_loss_distribution_refuses_zero():
    with pytest.raises(DataError, match="positive values for a logarithmic axis"):
        figures.loss_distribution([0.0, 1.0], [0, 1])


def test_roc_shows_small_false_positive_rates(scores):
    noise = np.random.default_rng(1).normal(size=200)
    figure = figures.roc(LABELS, {"combined": scores}, baselines={"noise": noise})
    left, right = figure.axes
    assert right.get_xscale() == "log"
    assert right.get_xlim() == pytest.approx((1 / 120, 1.0))
    # Curve, baseline and diagonal on both sides, and the marked rate on the right.
    assert (len(left.lines), len(right.lines)) == (3, 4)
    assert list(right.lines[-1].get_xdata()) == [0.01, 0.01]
    assert left.lines[1].get_color() == style.GREY
    texts = legend_texts(figure)
    assert texts[0].startswith(f"combined: AUC {auc(LABELS, scores):.4f} [")
    assert texts[1].startswith("noise: AUC")
    area = np.trapezoid(left.lines[0].get_ydata(), left.lines[0].get_xdata())
    assert area == pytest.approx(auc(LABELS, scores))


def test_score_distributions_choose_their_axis(scores):
    figure = figures.score_distributions(
        LABELS,
        {"residual": scores, "pull [sd]": np.log(scores)},
        thresholds={"residual": 4.0},
        classes=("smooth", "clumpy"),
    )
    first, second = figure.axes
    assert (first.get_xscale(), second.get_xscale()) == ("log", "linear")
    assert (first.get_xlabel(), second.get_xlabel()) == ("residual", "pull [sd]")
    assert (len(first.lines), len(second.lines)) == (1, 0)
    assert legend_texts(figure) == ["smooth", "clumpy"]


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (4, (2, 2)), (5, (2, 3))])
def test_score_distributions_leave_no_empty_panel(scores, count, grid):
    figure = figures.score_distributions(LABELS, {str(i): scores for i in range(count)})
    assert len(figure.axes) == count
    assert figure.axes[0].get_gridspec().get_geometry() == grid


def test_latent_map_colours_by_class_and_by_score(scores):
    latents = np.random.default_rng(2).normal(size=(200, 3)) * [5.0, 1.0, 0.01]
    figure = figures.latent_map(latents, LABELS, scores, log_values=True)
    by_class, by_score, bar = figure.axes
    offsets = by_class.collections[0].get_offsets()
    assert offsets.shape == (200, 2)
    assert offsets[:, 0].std() == pytest.approx(latents[:, 0].std(), rel=0.01)
    colours = {tuple(c[:3]) for c in by_class.collections[0].get_facecolors()}
    assert colours == {to_rgba(c)[:3] for c in (style.NORMAL, style.ANOMALOUS)}
    assert isinstance(by_score.collections[0].norm, LogNorm)
    assert bar.get_ylabel() == "Anomaly score"
    assert figure.get_suptitle() == "3 latents, 2 active"
    assert legend_texts(figure) == ["normal (120)", "anomalous (80)"]


def test_latent_map_without_labels_and_with_many_rows():
    latents = np.random.default_rng(3).normal(size=(300, 2))
    figure = figures.latent_map(latents, most=100)
    assert len(figure.axes) == 1
    assert len(figure.axes[0].collections[0].get_offsets()) == 100


def test_examples_run_from_the_most_to_the_least_anomalous():
    chosen = figures.choose_examples(np.arange(100.0), each=2)
    assert {kind: rows.tolist() for kind, rows in chosen.items()} == {
        "most anomalous": [99, 98],
        "typical": [49, 50],
        "least anomalous": [0, 1],
    }


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_examples_of_few_rows_are_not_repeated(rows):
    chosen = np.concatenate(list(figures.choose_examples(np.arange(rows)).values()))
    assert len(set(chosen.tolist())) == len(chosen) == min(rows, 3)


def test_gallery_shows_images_maps_and_truth(scores):
    rng = np.random.default_rng(4)
    images = rng.uniform(size=(200, 12, 12, 2))
    maps = rng.uniform(size=(200, 12, 12))
    truth = np.zeros((200, 12, 12))
    truth[:, 4:7, 4:7] = (LABELS * 3.0)[:, None, None]
    figure = figures.anomaly_gallery(
        images, images * 0.9, maps, scores, labels=LABELS, truth=truth
    )
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 18
    np.testing.assert_allclose(
        panels[0].images[0].get_array(), images[np.argmax(scores)].mean(axis=-1)
    )
    limits = {axes.images[0].get_clim() for axes in panels[12:]}
    assert len(limits) == 1
    assert panels[0].images[0].get_clim() == panels[6].images[0].get_clim()
    row = int(np.argmax(scores))
    assert (len(panels[12].collections) > 0) == bool(LABELS[row])
    assert not panels[17].collections
    names = [panels[i].get_ylabel() for i in (0, 6, 12)]
    assert names == ["Image", "Reconstruction", "Anomaly map"]
    assert panels[0].get_title().startswith("most anomalous\nanomalous\nscore ")


def test_detection_against_draws_each_curve_and_the_chance_line():
    rng = np.random.default_rng(5)
    mass = rng.uniform(0.001, 0.1, 300)
    curves = {
        name: detection_curve(
            mass * k + rng.normal(size=300) * 0.02, mass, threshold=0.05
        )
        for name, k in (("combined", 1.0), ("PCA", 0.5))
    }
    figure = figures.detection_against(
        curves, covariate="Subhalo mass fraction", unit="percent", log=True
    )
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Subhalo mass fraction [percent]"
    assert axes.get_ylim() == pytest.approx((-0.02, 1.03))
    assert set(legend_texts(figure)) == {
        "combined",
        "PCA",
        "nothing but false positives",
    }
    np.testing.assert_allclose(axes.lines[0].get_ydata(), curves["combined"].rate)


def test_shortcut_bars_are_sorted_and_warn():
    figure = figures.shortcut_bars(
        {
            "file size": Interval(0.55, 0.5, 0.6),
            "ring radius": Interval(0.92, 0.9, 0.94),
        },
        model={"combined score": Interval(0.98, 0.97, 0.99)},
    )
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["combined score", "ring radius", "file size"]
    widths = [patch.get_width() for patch in axes.patches]
    assert widths == pytest.approx([0.48, 0.42, 0.05])
    colours = [patch.get_facecolor()[:3] for patch in axes.patches]
    expected = [to_rgba(c)[:3] for c in (style.NORMAL, style.AMBER, style.GREY)]
    assert colours == expected
    assert axes.yaxis_inverted()


def test_p_value_calibration_prints_what_was_delivered():
    p_values = (np.arange(400) + 0.5) / 400
    figure = figures.p_value_calibration(p_values, calibration_size=499)
    left, right = figure.axes
    assert (left.get_xscale(), left.get_yscale()) == ("log", "log")
    assert left.get_xlim() == pytest.approx((1 / 500, 1.0))
    assert left.texts[0].get_text().splitlines() == [
        "asked → delivered",
        "1 % → 1 %",
        "5 % → 5 %",
        "10 % → 10 %",
    ]
    assert right.get_title("left").startswith("Uniformity: KS 0.00")
    assert right.get_xlim() == (0.0, 1.0)
