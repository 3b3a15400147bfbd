"""Every case: what is drawn, what a model makes of it, what is worst."""

import numpy as np
import pytest

from keras_astro.data.alert_schema import CLASSES
from keras_astro.errors import ArtefactError, DataError, UsageError
from keras_astro.explore import stellar
from keras_astro.explore.alerts import AlertsCase
from keras_astro.explore.controls import read_values
from keras_astro.explore.explorer import CASES, Explorer, open_target
from keras_astro.explore.galaxies import GalaxiesCase, cramer_rao, outline
from keras_astro.explore.rows import Rows
from keras_astro.explore.stellar import StellarCase
from keras_astro.inference.loaded import Predictor
from keras_astro.simulate.galaxy_config import PARAMETERS
from keras_astro.tasks.catalog import load_config

# A sightline of a single cloud without noise knows no chance.
START = {"cgm": {"clouds": "2"}}


class Named(Predictor):
    """Answers every signature with numbers of the task's own names and shapes."""

    def __init__(self, task, signatures, shapes):
        self.path = f"made of {task}"
        inputs = shapes.pop("inputs")
        specs = {
            k: {"shape": [None, *s], "dtype": "float32"} for k, s in inputs.items()
        }
        self.shapes = shapes
        self.outputs = signatures
        self.manifest = {
            "task": task,
            "signatures": {
                name: {"inputs": specs, "outputs": dict.fromkeys(names)}
                for name, names in signatures.items()
            },
        }

    def call(self, signature, inputs):
        rng = np.random.default_rng(0)
        rows = len(next(iter(inputs.values())))
        return {
            name: rng.uniform(0.1, 0.9, (rows, *self.shapes.get(name, ())))
            for name in self.outputs[signature]
        }


@pytest.fixture(scope="module")
def explorer():
    return Explorer([])


@pytest.fixture(scope="module")
def galaxies():
    """A galaxy model as it is before training: every posterior is some posterior."""
    from keras_astro.tasks.base import Stream
    from keras_astro.tasks.catalog import get_task
    from keras_astro.tasks.galaxies import STAGE, Prepared, build_network, fresh

    tiny = ["model.filters=[4]", "model.hidden=8", "model.components=1"]
    tiny.append("streaming.calibration_rows=256")
    config, task = load_config("galaxies", tiny), get_task("galaxies")
    shape = (64, 64, 1)
    prepared = Prepared(Stream(fresh(config, shape), 256), shape, ({}, np.empty(0)))
    network = build_network(config, shape)
    model = task.assemble(config, prepared, {STAGE: network}, None)
    endpoints = task.endpoints(model)

    class Untrained(Predictor):
        path = "untrained"

        def call(self, signature, inputs):
            found = endpoints[signature](inputs)
            return {name: np.asarray(value) for name, value in found.items()}

    predictor = Untrained()
    predictor.manifest = {
        "task": "galaxies",
        "signatures": {
            name: {
                "inputs": {
                    k: {"shape": list(v.shape), "dtype": "float32"}
                    for k, v in endpoint.input.items()
                },
                "outputs": dict.fromkeys(endpoint.output),
            }
            for name, endpoint in endpoints.items()
        },
    }
    return GalaxiesCase(config, predictor)


@pytest.fixture(scope="module")
def alerts():
    from keras_astro.tasks.alerts import TERMS

    maps = {"frame", "reconstruction"}
    shapes = {"inputs": {"stamps": (63, 63, 3), "metadata": (20,)}}
    shapes |= dict.fromkeys(maps, (21, 21, 6)) | {"z": (8,)}
    signatures = {"predict": set(TERMS) - maps, "reconstruct": maps}
    return AlertsCase(load_config("alerts"), Named("alerts", signatures, shapes))


@pytest.fixture(scope="module")
def stars():
    from keras_astro.tasks.stellar_terms import TERMS

    maps = {"normalised", "reconstruction"}
    inputs = {"flux": (300,), "ivar": (300,), "mask": (300,)}
    shapes = {"inputs": inputs, **dict.fromkeys(maps, (300,)), "z": (4,)}
    signatures = {"predict": set(TERMS) - maps, "reconstruct": maps}
    config = load_config("stellar", ["simulation.pixels=300"])
    return StellarCase(config, Named("stellar", signatures, shapes))


def drawn(case, **given):
    return case.draw(read_values(case.groups, {k: str(v) for k, v in given.items()}))


def panels(case, sample):
    scene = case.scene(sample).described()
    return [panel["title"] for panel in scene["model"]]


@pytest.mark.parametrize("name", CASES)
def test_a_seed_gives_one_picture(explorer, name):
    first, same, other = (
        explorer.scene(name, {"seed": seed, **START.get(name, {})}) for seed in "556"
    )
    assert first == same
    assert first != other
    assert first["sky"]
    assert first["model"] == []


@pytest.mark.parametrize("name", CASES)
def test_every_slider_changes_the_picture(explorer, name):
    start = START.get(name, {})
    before = explorer.scene(name, start)
    for group in explorer.controls(name)["groups"]:
        for control in group["controls"]:
            if control["kind"] != "slider":
                continue
            # Far from the value, and short of the ends: g1 and g2 have a limit.
            low, high = control["low"], control["high"]
            value = low + (0.7 if control["value"] < (low + high) / 2 else 0.3) * (
                high - low
            )
            after = explorer.scene(name, {**start, control["name"]: str(value)})
            assert after != before, control["name"]


@pytest.mark.parametrize("label", CLASSES)
def test_every_class_of_alerts_opens(explorer, label):
    assert explorer.scene("alerts", {"label": label})["sky"]


def test_a_lens_without_subhalos_is_smooth(opened_run):
    explorer = Explorer([opened_run])
    titles = [p["title"] for p in explorer.scene("lensing", {})["model"]]
    assert {"Its reconstruction", "Anomaly map", "Anomaly score"} <= set(titles)
    smooth = explorer.scene("lensing", {"subhalo_mass_fraction": "0"})
    facts = dict(next(p for p in smooth["model"] if p["kind"] == "facts")["facts"])
    assert facts["truth"] == "smooth"


def test_worst_rows_are_ranked(opened_run, lens_run):
    explorer = Explorer([opened_run])
    found = explorer.worst("lensing", "score")
    rows = explorer._ranked("lensing")
    scores = [rows.outputs["score"][card["row"]] for card in found["rows"]]
    assert scores == sorted(rows.outputs["score"], reverse=True)[: len(scores)]
    assert found["count"] == len(lens_run.parts.test)
    scene = explorer.row("lensing", str(found["rows"][0]["row"]))
    assert scene["id"] == found["rows"][0]["id"]
    mistake = rows.losses["mistake"]
    truth, chance = rows.targets["is_anomaly"] > 0, rows.outputs["p_value"]
    np.testing.assert_allclose(mistake[truth], chance[truth])
    np.testing.assert_allclose(mistake[~truth], 1 - chance[~truth])


def test_spectra_are_drawn_on_the_grid_of_the_run(cgm_run):
    opened = open_target(cgm_run.run.path, story=lambda _: None)
    explorer = Explorer([opened])
    charts = [p for p in explorer.scene("cgm", {})["model"] if p["kind"] == "chart"]
    sample = drawn(explorer._cases["cgm"])
    np.testing.assert_allclose(
        sample.axes["wavelength_angstrom"],
        cgm_run.rows.sample.axes["wavelength_angstrom"],
    )
    assert [chart["title"] for chart in charts] == ["Reconstruction", "What it leaves"]
    assert explorer.worst("cgm")["order"] == "reconstruction"


def test_a_galaxy_has_its_posterior_over_truth(galaxies):
    sample = drawn(galaxies, g1=0.2)
    scene = galaxies.scene(sample).described()["model"]
    kinds = [panel["kind"] for panel in scene]
    assert kinds.count("cloud") == 2
    rows = next(p for p in scene if p["kind"] == "intervals")["rows"]
    assert [row["truth"] for row in rows][3] == pytest.approx(0.2)
    assert all(row["outer"][0] <= row["inner"][0] <= row["inner"][1] for row in rows)


def test_the_outline_is_the_cramer_rao_limit():
    covariance = np.diag([1.0, 4.0, 9.0, 0.01, 0.04])
    points = outline(covariance, [3, 4], (0.1, 0.2)) - np.array([0.1, 0.2])
    square = np.sum((points / [0.1, 0.2]) ** 2, axis=1)
    np.testing.assert_allclose(square, 2.30)
    # Of a bright round galaxy, twice the noise doubles every limit.
    truth = [2e5, 1.0, 0.4, 0.0, 0.0]
    limits = [
        cramer_rao(
            truth,
            {"psf_fwhm_arcsec": np.array([0.7]), "noise_sigma": np.array([sigma])},
            48,
        )
        for sigma in (2000.0, 4000.0)
    ]
    ratio = np.sqrt(np.diag(limits[1]) / np.diag(limits[0]))
    np.testing.assert_allclose(ratio, 2.0, rtol=0.01)


def test_the_worst_galaxy_is_that_with_the_largest_error(galaxies):
    truth = {name: np.array([0.3, 0.3]) for name in PARAMETERS}
    outputs = {name: np.array([0.3, 0.3]) for name in PARAMETERS}
    outputs |= {f"{name}_sd": np.array([0.1, 0.1]) for name in PARAMETERS}
    outputs["g2"] = np.array([0.3, 0.8])
    losses = galaxies.losses(outputs, truth)
    np.testing.assert_allclose(losses["pull"], [0.0, 5.0])
    row = {name: values[1] for name, values in outputs.items()}
    told = galaxies.told("pull", row, {name: 0.3 for name in PARAMETERS})
    assert told == "Shear g2 off by +5.0 σ"


def test_too_long_a_shear_is_refused(galaxies, refused):
    with refused(UsageError, "g1", "0.8", hint="towards 0"):
        drawn(galaxies, g1=0.65, g2=0.65)


def test_an_alert_has_probabilities_and_a_verdict(alerts):
    sample = drawn(alerts, label="AGN")
    assert panels(alerts, sample) == [
        "Class probabilities",
        "Anomaly score",
        "Seen by the model",
        "Its reconstruction",
    ]
    outputs = {f"probability_{name}": np.array([0.2, 0.2]) for name in CLASSES}
    outputs["probability_SN"] = np.array([0.9, 0.1])
    outputs |= {"score": np.zeros(2), "reconstruction_mse": np.zeros(2)}
    losses = alerts.losses(outputs, {"label": np.array(["SN", "TDE"])})
    np.testing.assert_allclose(losses["mistake"], [0.1, np.nan])


def test_a_brighter_change_is_brighter(alerts):
    faint, bright = (
        drawn(alerts, mag=mag).inputs["stamps"][0, 28:35, 28:35, 2].sum()
        for mag in (19.0, 16.5)
    )
    assert bright / faint == pytest.approx(10**1.0, rel=0.15)


def test_a_star_has_intervals_over_truth(stars):
    sample = drawn(stars, teff_kelvin=3000)
    scene = stars.scene(sample).described()["model"]
    rows = scene[0]["rows"]
    assert rows[0]["truth"] == 3000
    assert panels(stars, sample)[1:] == [
        "Is it such a star?",
        "Seen by the model and reconstructed",
        "What the reconstruction leaves",
    ]


def test_star_names_are_the_models():
    from keras_astro.models.stellar import end_name, error_name

    for label in stellar.LABELS:
        assert stellar.of(label, "error") == error_name(label)
        assert stellar.of(label, "high_95") == end_name(label, "high_95")


def test_rows_of_unknown_truth_are_ranked_by_what_is_known(alerts):
    from keras_astro.data.sample import MemorySource

    sample = drawn(alerts)
    sample.targets.clear()
    rows = Rows(alerts, MemorySource(sample))
    assert [name for name, _ in rows.worst()["orders"]] == ["score", "reconstruction"]


def test_rows_of_which_no_loss_is_known_cannot_be_ranked(alerts, refused):
    from keras_astro.data.sample import MemorySource

    rows = Rows(alerts, MemorySource(drawn(alerts)))
    rows.losses = {}
    with refused(DataError, "is known, found none", hint="rows without NaN"):
        rows.worst()


def test_an_artefact_says_that_it_has_no_rows(artefact, lens_run, refused):
    opened = open_target(artefact("tflite").path, story=lambda _: None)
    explorer = Explorer([opened])
    assert explorer.scene("lensing", {})["model"]
    with refused(
        UsageError,
        "no rows: give some with --data",
        hint="kastro explore MODEL --data PATH",
    ):
        explorer.worst("lensing")
    with refused(UsageError, "No model", hint="kastro explore RUN"):
        explorer.worst("cgm")


def test_rows_that_cannot_be_opened_say_how_that_is_mended(
    lens_run, monkeypatch, refused
):
    def damaged(*_):
        raise DataError("rows.h5: truncated", hint="Copy it again.")

    monkeypatch.setattr("keras_astro.explore.explorer._rows", damaged)
    explorer = Explorer([open_target(lens_run.run.path, story=lambda _: None)])
    with refused(UsageError, "opened: rows.h5: truncated", hint="Copy it again."):
        explorer.worst("lensing")


def test_what_is_no_model_is_refused(tmp_path, refused):
    with refused(UsageError, "lensin", "did you mean lensing"):
        open_target("lensin", story=lambda _: None)
    with refused(ArtefactError, tmp_path):
        open_target(tmp_path, story=lambda _: None)
    with refused(UsageError, "rows", hint="run or an artefact"):
        open_target("lensing", story=lambda _: None, paths=[tmp_path])
