"""The report of a spectrum model: numbers against their definitions, figures drawn."""

import json

import numpy as np
import pytest

from keras_astro.data.readers import open_source
from keras_astro.data.schemas import CGM
from keras_astro.evaluation import figures, style
from keras_astro.evaluation.cgm_sections import read_sweep
from keras_astro.evaluation.evaluate import (
    evaluate_artefact,
    evaluate_run,
    write_reference,
)
from keras_astro.evaluation.latent_physics import Known, known_parameters
from keras_astro.evaluation.spectrum_baselines import baseline_errors
from keras_astro.evaluation.spectrum_lines import LineWindow, line_windows
from keras_astro.inference.drift import DriftWatch
from keras_astro.inference.predictor import open_predictor
from keras_astro.simulate.cgm_lines import get_line
from keras_astro.tasks.cgm_pixels import Observed

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def metrics(cgm_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return evaluate_run(cgm_run.run, story=lambda _: None, out=folder), folder


def test_metrics_of_a_run_have_their_fixed_names(metrics):
    found, folder = metrics
    names = {"mse_amortised", "mse_refined", "mse_pca", "penalised_loss", "noise_floor"}
    assert names <= set(found)
    assert found["mse_refined"] <= found["mse_amortised"]
    assert found["penalised_loss"] == pytest.approx(found["mse_refined"] + 9e-5)
    assert found["leaked_fraction"] == 0
    assert found["negative_pixels"] == 0
    stored = json.loads((folder / "metrics.json").read_text())
    assert set(names) <= set(stored)
    assert "r2_velocity_kms" in found


def test_a_run_that_was_measured_knows_its_rows_again(metrics, cgm_run):
    # A report that is written elsewhere leaves the run as it is.
    bare = open_predictor(cgm_run.run.path)
    assert not (cgm_run.run.path / "reference.json").exists()
    write_reference(cgm_run.run, bare, cgm_run.parts)
    predictor = open_predictor(cgm_run.run.path)
    held_back = len(cgm_run.parts.calibration) + len(cgm_run.parts.validation)
    assert predictor.manifest["reference"]["rows"] == held_back
    rows = cgm_run.parts.train.read(0, 120).inputs
    for factor, status in ((1.0, "ok"), (0.5, "alarm")):
        inputs = rows | {"flux": rows["flux"] * np.float32(factor)}
        watch = DriftWatch(predictor.manifest)
        watch.add(inputs, predictor.run("predict", inputs))
        assert watch.report()["status"] == status


def test_report_has_its_figures_and_the_page(metrics):
    _, folder = metrics
    drawn = {path.stem for path in (folder / "plots").glob("*.png")}
    assert {
        "reduction_curves",
        "velocity_panels__worst",
        "latent_traversals",
        "latent_corner",
        "latent_knowledge",
        "equivalent_width_bias",
        "error_by_group",
        "p_value_calibration",
    } <= drawn
    page = (folder / "report.html").read_text()
    assert "principal components" in page
    assert (folder / "predictions.parquet").is_file()


def test_an_artefact_is_measured_by_the_settings_it_carries(
    cgm_tflite, cgm_run, tmp_path
):
    source = open_source(cgm_run.folder / "rows.npz", CGM)
    model = open_predictor(cgm_tflite)
    # With so many rows each half is a fair rival to the other.
    found = evaluate_artefact(model, source, tmp_path / "r", story=lambda _: None)
    assert found["mse_refined"] <= found["mse_amortised"]
    assert found["mse_refined"] < found["mse_pca"] < found["mse_mean"]
    assert {"r2_velocity_kms", "equivalent_width_bias_fraction"} <= set(found)
    drawn = {path.stem for path in (tmp_path / "r" / "plots").glob("*.png")}
    assert {"reduction_curves", "velocity_panels__worst", "latent_knowledge"} <= drawn
    assert "other half of the rows" in (tmp_path / "r" / "report.html").read_text()


def test_a_few_rows_make_no_rivals(cgm_tflite, cgm_run, tmp_path):
    sample = cgm_run.parts.test.read()
    path = tmp_path / "rows.npz"
    np.savez(path, **sample.inputs, **sample.axes)
    found = evaluate_artefact(
        open_predictor(cgm_tflite),
        open_source(path, CGM),
        tmp_path / "r",
        story=lambda _: None,
    )
    assert "mse_pca" not in found
    assert found["noise_floor"] == 0
    assert (tmp_path / "r" / "plots" / "velocity_panels__worst.png").is_file()


def test_principal_components_are_the_best_linear_reduction():
    basis = RNG.normal(size=(3, 30))
    train = RNG.normal(size=(200, 3)) @ basis
    test = RNG.normal(size=(20, 3)) @ basis

    def observed(rows):
        rest = np.full(len(rows), 0.5)
        return Observed(rows, None, rest, np.full(len(rows), 50))

    found = baseline_errors(observed(train), observed(test), 3)
    assert np.allclose(found["pca"][3], 0.5 / 50, atol=1e-9)
    assert (found["pca"][2] > found["pca"][3]).all()
    mean = np.sum((test - train.mean(axis=0)) ** 2, axis=1)
    assert np.allclose(found["mean"][0], (mean + 0.5) / 50)


def test_parameters_that_latents_hold_are_told_from_those_they_do_not():
    z = RNG.normal(size=(600, 2))
    truth = {
        "velocity_kms": 3 * z[:, 0],
        "metallicity": np.abs(z[:, 1]),
        "log_density": RNG.normal(size=600),
        "clouds": np.ones(600),
    }
    half = slice(0, 400), slice(400, None)
    found = known_parameters(
        z[half[0]],
        {k: v[half[0]] for k, v in truth.items()},
        z[half[1]],
        {k: v[half[1]] for k, v in truth.items()},
    )
    assert found["velocity_kms"].linear > 0.999
    assert found["metallicity"].trees > 0.8 > 0.2 > found["metallicity"].linear
    assert found["log_density"].trees < 0.1
    assert "clouds" not in found


def test_windows_are_centred_on_lines_and_wholly_inside():
    grid = np.linspace(1440.0, 1480.0, 2000)
    (window,) = line_windows(grid, ["H I 1215", "C IV 1548"], redshift=0.2)
    assert window.name == "H I 1215"
    assert abs(window.velocity[np.argmin(np.abs(window.velocity))]) < 5
    assert window.velocity.min() < -490
    assert window.velocity.max() > 490


def test_the_best_trial_of_each_dimension_makes_the_sweep(tmp_path):
    path = tmp_path / "leaderboard.csv"
    assert read_sweep(path) is None
    path.write_text(
        "rank,model.latent_dim,mse_refined\n1,4,1e-5\n2,4,2e-5\n3,5,9e-6\n,6,\n"
    )
    assert read_sweep(path) == {4: 1e-5, 5: 9e-6}


WINDOW = LineWindow("H I 1215", slice(0, 5), np.linspace(-400.0, 400.0, 5))
EDGES = {
    "flat spectrum": lambda: figures.velocity_panels(np.ones(5), np.ones(5), [WINDOW]),
    "one latent": lambda: figures.latent_corner(np.arange(4.0)[:, None], np.ones(4)),
    "no baseline": lambda: figures.reduction_curves(
        {}, {"refined": (1, 1e-4)}, sweep={1: 1e-4}, floor=1e-5
    ),
    "traversal of nothing": lambda: figures.latent_traversals(
        np.ones((1, 5, 5)), [WINDOW]
    ),
    "one group": lambda: figures.error_by_group(
        {"ours": np.zeros(3)}, {"all": np.ones(3, bool), "none": np.zeros(3, bool)}
    ),
    "nothing known": lambda: figures.latent_knowledge(
        {"metallicity": Known(-0.5, -0.1)}
    ),
    "no absorption": lambda: figures.equivalent_width_bias(
        {"H I 1215": (np.zeros(3), np.zeros(3))}
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_figures_render_at_the_edges_of_their_input(name):
    assert len(style.png(EDGES[name]())) > 2000


def test_the_encoder_alone_is_drawn_where_it_is_seen_and_inside_the_scale():
    lines = [line for axes in panels(2) for line in axes.lines]
    named = [line for line in lines if line.get_label() == "encoder alone"]
    assert len(named) == 2
    for line in named:
        low, high = line.axes.get_ylim()
        np.testing.assert_allclose(line.get_ydata(), -0.2)
        assert low < -0.2 < high


def test_the_deepest_lines_fill_two_rows():
    assert len(panels(6)) == 12
    titles = [axes.get_title(loc="left") for axes in panels(8)]
    assert [t for t in titles if t] == list("234567")


def panels(lines):
    """Axes of a figure of lines of growing depth, whose encoder is off by 0.2."""
    windows = [
        LineWindow(str(i), slice(5 * i, 5 * i + 5), WINDOW.velocity)
        for i in range(lines)
    ]
    depths = np.arange(1, lines + 1) / (lines + 1)
    flux = 1 - np.outer(depths, [0, 0, 1, 0, 0]).ravel()
    figure = figures.velocity_panels(flux, flux, windows, amortised=flux + 0.2)
    return figure.axes


def test_a_faint_line_does_not_stand_for_its_neighbour():
    """O VI 1037 at -100 km/s is 270 km/s from C II 1036, which does not absorb."""
    wavelength = np.arange(1030.0, 1045.0, 0.02)
    windows = line_windows(wavelength, ["C II 1036", "O VI 1037"], redshift=0.0)
    centre = get_line("O VI 1037").wavelength_angstrom * (1 - 100 / 3e5)
    flux = 1 - 0.8 * np.exp(-0.5 * ((wavelength - centre) / 0.1) ** 2)
    figure = figures.velocity_panels(flux, flux, windows)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [t for t in titles if t] == ["O VI 1037"]
