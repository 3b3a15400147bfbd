"""The stellar task: from simulated rows to a calibrated model."""

import csv
import dataclasses
import json
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner

from keras_astro.cli.main import cli
from keras_astro.data.readers import open_many
from keras_astro.data.sample import MemorySource, Sample, WithoutTargets
from keras_astro.data.star_schema import STELLAR
from keras_astro.data.store import write_store
from keras_astro.errors import DataError, UsageError
from keras_astro.evaluation.adaptation import adaptation_section, read_adapted
from keras_astro.evaluation.evaluate import leaked_fraction, trained_groups
from keras_astro.inference.manifest import read_manifest
from keras_astro.tasks import few_shot, stellar_known
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.few_shot import interval_factors
from keras_astro.tasks.line_strengths import LabelledLines
from keras_astro.tasks.stellar import simulation
from keras_astro.tasks.stellar_config import Simulation
from keras_astro.tasks.stellar_features import LABELS, model_inputs, read_labels
from keras_astro.tasks.stellar_known import KnownStars
from keras_astro.training.fit import fit_stage
from keras_astro.training.run import Run
from keras_astro.training.train import make_parts, make_split, train

TINY = [
    "train.epochs=1",
    "train.jit=off",
    "preprocessing.pca_components=8",
    "preprocessing.continuum_bins=6",
    "model.latent_dim=3",
    "model.hidden=[16]",
    "model.regressor_hidden=[16]",
    "model.members=2",
    "model.regressor=dense",
    "simulation.pixels=240",
    "data.simulated_rows=320",
]
STEPS = {
    name: [{"step": "rest_frame", "velocity_kms": v}]
    for name, v in (("syn", 0.0), ("obs", 20.0))
}


def config(*overrides):
    return load_config("stellar", [*TINY, *overrides])


@pytest.fixture(scope="module")
def source():
    task = get_task("stellar")
    blocks = list(task.simulate(config(), 320, seed=1))
    groups = {
        group: {
            k: np.concatenate([getattr(b, group)[k] for b in blocks])
            for k in getattr(blocks[0], group)
        }
        for group in ("inputs", "targets", "meta")
    }
    return MemorySource(Sample(STELLAR, **groups, axes=blocks[0].axes))


def parts_of(source, settings):
    facts = source.facts()
    split = make_split(
        facts["group"],
        np.zeros(len(source), bool),
        settings.data,
        seed=0,
        ids=facts["id"],
    )
    assert split.leaked_fraction(facts["group"]) == 0
    return make_parts(source, split)


def trained(source, *overrides):
    task, settings = get_task("stellar"), config(*overrides)
    parts = parts_of(source, settings)
    prepared = task.prepare(settings, parts)
    models = {}
    for stage in task.stages(settings, prepared):
        history = fit_stage(stage, settings.train, seed=0)
        assert np.isfinite(history[-1]["val_loss"])
        models[stage.name] = stage.model
    measured = task.objective(settings, prepared, models)
    assert np.isfinite(list(measured.values())).all()
    return task, task.assemble(settings, prepared, models, parts), parts


@pytest.mark.parametrize(
    "overrides",
    [
        ["train.epochs=12", "train.batch_size=8", "train.learning_rate=0.01"],
        ["model.regressor=cnn", "objective.consistency=0.1"],
        ["model.regressor=direct_cnn"],
        ["model.variational=true", "objective.contractive=0"],
    ],
    ids=["dense", "cnn", "direct_cnn", "variational"],
)
def test_a_run_ends_with_calibrated_labels(source, overrides):
    task, model, parts = trained(source, *overrides)
    sample = parts.calibration.read()
    found = task.endpoints(model)["predict"].predict_on_batch(model_inputs(sample))
    found = {k: np.asarray(v) for k, v in found.items()}
    truth = sample.targets["teff_kelvin"]
    inside = (found["teff_low_68_kelvin"] <= truth) & (
        truth <= found["teff_high_68_kelvin"]
    )
    # On the rows that set them, the intervals hold what they promise and little more.
    assert 0.68 <= inside.mean() < 0.85
    assert found["is_anomaly"].mean() < 0.1
    assert task.calibration(model)["n"] == len(sample)
    assert set(task.merit(sample.targets, found)) == {f"r2_{name}" for name in LABELS}
    if "train.epochs=12" in overrides:
        assert np.abs(found["teff_kelvin"] - truth).mean() < 0.5 * truth.std()


def test_rows_without_labels_cannot_train(source):
    sample = source.read()
    without = {k: v for k, v in sample.targets.items() if k != "logg_dex"}
    bare = MemorySource(
        Sample(STELLAR, sample.inputs, without, sample.meta, "night.h5")
    )
    settings = config()
    with pytest.raises(DataError, match="night.h5: no labels.*logg_dex"):
        get_task("stellar").prepare(settings, parts_of(bare, settings))


def test_missing_errors_and_masks_are_filled(source):
    sample = source.read(0, 4)
    bare = Sample(STELLAR, {"flux": sample.inputs["flux"]})
    found = model_inputs(bare)
    assert (found["ivar"] == 1).all()
    assert (found["mask"] == 0).all()


def test_single_switches_go_over_those_of_the_gap():
    found = simulation(Simulation(gap="observed", fringes=0.0, pixels=500)).gap
    assert (found.fringes, found.tellurics) == (0.0, 0.1)
    assert simulation(Simulation(preset="m-dwarf-grid")).rows_per_atmosphere == 13


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A tiny run, fine-tuned by the command on shifted spectra of its own kind."""
    folder = tmp_path_factory.mktemp("moved")
    task = get_task("stellar")
    for name, gap, rows in (("syn", "clean", 320), ("obs", "observed", 160)):
        drawn = task.simulate(config(f"simulation.gap={gap}"), rows, seed=len(name))
        steps = {"preparation": STEPS[name]}
        write_store(folder / f"{name}.h5", drawn, generator="t", config=steps, seed=1)
    settings = config("train.epochs=2", f'data.paths=["{folder / "syn.h5"}"]')
    run = Run.create(folder / "run", settings)
    train(task, open_many(settings.data.paths, STELLAR), run)
    few = open_many([folder / "obs.h5"], STELLAR).read(0, 5)
    few.meta["group"] = np.char.add("observed-", few.meta["group"].astype(str))
    write_store(folder / "few.h5", [few], generator="t", config={}, seed=1)
    words = [*moving(run, folder), "-o", str(folder / "new")]
    found = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return run, Run.open(folder / "new"), folder


def moving(run, folder):
    words = ["finetune", str(run.path), "--data", str(folder / "obs.h5"), "--json"]
    words += ["--labels", str(folder / "few.h5")]
    return [*words, "--set", "finetune.epochs=2", "--set", "finetune.label_epochs=1"]


# A kill right after the first checkpoint.
KILLED = """
import os, signal, sys
from keras_astro.cli.main import main
from keras_astro.training.checkpoint import Checkpoints
save = Checkpoints.save
def save_and_die(self, *args, **named):
    save(self, *args, **named)
    os.kill(os.getpid(), signal.SIGKILL)
Checkpoints.save = save_and_die
main()
"""


def test_a_killed_move_is_resumed_and_ends_like_one_never_stopped(moved):
    run, new, folder = moved
    words = [*moving(run, folder), "--set", "train.checkpoint_seconds=0"]
    words += ["-o", str(folder / "killed")]
    done = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    stopped = Run.open(folder / "killed")
    assert not stopped.finished
    assert [p.stem for p in (stopped.path / "checkpoints").glob("*.json")] == [
        "adaptation"
    ]
    refused = CliRunner().invoke(cli, words).exception
    assert "--resume" in refused.hint
    found = CliRunner().invoke(cli, [*words, "--resume"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    resumed, whole = (
        list(csv.DictReader((r.path / "history.csv").read_text().splitlines()))
        for r in (stopped, new)
    )
    for ours, theirs in zip(resumed, whole, strict=True):
        assert (ours["stage"], ours["epoch"]) == (theirs["stage"], theirs["epoch"])
        assert float(ours["val_loss"]) == pytest.approx(
            float(theirs["val_loss"]), rel=0.02
        )


def test_stars_whose_labels_were_used_count_as_trained_on(moved):
    run, new, folder = moved
    few = str(folder / "few.h5")
    words = ["evaluate", str(new.path), "--data", few, "-o", str(folder / "measured")]
    found = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["metrics"]["leaked_fraction"] == 1.0
    warning = "100 % of these rows are of objects trained on"
    assert warning in found.stderr
    assert warning in (folder / "measured" / "report.html").read_text()
    groups = open_many([few], STELLAR).facts()["group"]
    parts = make_parts(open_many(run.config.data.paths, STELLAR), run.split)
    assert leaked_fraction(trained_groups(run, parts), groups) == 0.0


def test_a_parent_is_not_written_over(moved):
    run, _, folder = moved
    for place in (run.path, folder, run.path / "deeper", folder / "x/../run"):
        words = [*moving(run, folder), "-o", str(place), "--overwrite"]
        error = CliRunner().invoke(cli, words).exception
        assert isinstance(error, UsageError)
        assert "apart from RUN" in str(error)
    assert run.finished


def test_a_run_says_how_its_rows_were_prepared(moved):
    run, new, _ = moved
    assert read_manifest(run.path)["preparation"] == STEPS["syn"]
    assert read_manifest(new.path)["preparation"] == STEPS["obs"]
    text = CliRunner().invoke(cli, ["inspect", str(new.path)]).output
    assert "1. rest_frame velocity_kms = 20.0" in text


def test_steps_of_a_run_and_of_its_export_are_done_again(moved):
    _, new, folder = moved
    call = CliRunner().invoke
    words = ["export", str(new.path), "--format", "tflite", "--quantize", "none"]
    done = call(cli, [*words, "-o", str(folder / "exported")])
    assert done.exit_code == 0, done.output
    (artefact,) = (folder / "exported").rglob("*.tflite")
    wave = np.linspace(8800, 8835, 240)
    np.savez(folder / "next.npz", flux=np.ones((2, 240)), wavelength_angstrom=wave)
    for steps in (new.path, artefact):
        made = folder / f"next-{steps.stem}.h5"
        words = ["data", "convert", str(folder / "next.npz"), "--task", "stellar"]
        done = call(cli, [*words, "--prepare", str(steps), "-o", str(made)])
        assert done.exit_code == 0, done.output
        rows = open_many([made], STELLAR)
        assert rows.preparation == STEPS["obs"]
        moved_by = rows.read().axes["wavelength_angstrom"] / wave
        assert moved_by == pytest.approx(1 - 20 / 299792.458, abs=1e-8)


def test_a_moved_run_names_its_parent(moved):
    run, new, _ = moved
    ours, theirs = (read_manifest(r.path) for r in (new, run))
    assert ours["parent"]["model_sha256"] == theirs["model_sha256"]
    assert new.config.finetune.parent_sha256 == theirs["model_sha256"]
    assert ours["parent"]["observed_rows"] == 160
    assert ours["parent"]["labelled_rows"] == 5
    assert 0.5 <= ours["parent"]["domain_auc_before"] <= 1
    assert 0.3 < ours["parent"]["line_strength_factor"] < 3
    assert np.isfinite(ours["parent"]["line_broadening_square_pixels"])


def test_a_moved_run_says_what_its_intervals_are(moved):
    _, new, folder = moved
    what = "scaled by the errors of 5 labelled observed stars"
    text = f"Intervals {what}; their coverage is not known"
    words = [str(new.path), str(folder / "obs.h5"), "-o", str(folder / "out.ecsv")]
    assert text in CliRunner().invoke(cli, ["predict", *words]).output
    assert Table.read(folder / "out.ecsv").meta["WARNING"] == text
    assert text in CliRunner().invoke(cli, ["inspect", str(new.path)]).output
    adapted = read_adapted(new.path)
    section = adaptation_section(adapted)
    assert section.figures[0][0] == "domain_map"
    titles = [axes.get_title(loc="left") for axes in section.figures[0][1].axes]
    assert titles[0] == f"Before: AUC {adapted.facts['domain_auc_before']:.2f}"
    assert all(adapted.facts[f"widening_{name}"] >= 1 for name in LABELS)
    assert all(adapted.facts[f"scaling_{name}"] > 0 for name in LABELS)


def adaptation(run, folder, labelled):
    task, model = get_task("stellar"), run.load_model()
    parts = make_parts(open_many(run.config.data.paths, STELLAR), run.split)
    observed = open_many([folder / "obs.h5"], STELLAR)
    few = labelled
    if isinstance(labelled, int):
        few = observed.read(0, labelled) if labelled else None
    return task.adaptation(run.config, model, parts, WithoutTargets(observed), few)


@pytest.mark.parametrize("labelled", [0, 3])
def test_without_enough_labelled_stars_intervals_are_not_calibrated(moved, labelled):
    run, _, folder = moved
    found = adaptation(run, folder, labelled)
    stage = found.label_stage()
    model = found.assemble({"labels": stage.model})
    assert found.facts["intervals"] == "not calibrated on observed spectra"
    assert found.facts.get("labelled_rows", 0) == labelled
    names = [layer.name for layer in model.layers]
    assert ("correction" in names) == (labelled > 0)
    assert not any(name.startswith("scaling") for name in found.facts)


def labels_of(model, sample):
    found = model.predict_on_batch(model_inputs(sample))
    return np.stack([np.asarray(found[name]) for name in LABELS], axis=1)


def test_labelled_stars_change_estimates_as_their_lines_say(moved, monkeypatch):
    """Stars beyond the labels and bad pixels say nothing."""
    run, _, folder = moved
    few = open_many([folder / "obs.h5"], STELLAR).read(0, 5)
    few.inputs["mask"][:, 100:110] = 1
    few.inputs["flux"][:, 100:110] = np.nan
    # One star hotter than any synthetic one.
    few.targets["teff_kelvin"][4] = 9000
    found = adaptation(run, folder, few)
    stage = found.label_stage()
    # What single stars are left with is for the shift alone.
    monkeypatch.setattr(few_shot, "SHIFT", 1e9)
    model = found.assemble({"labels": stage.model})
    response = found.response(model, stage.model)
    lines = found.known.lines(response)
    assert not found.known.good[:, 100:110].any()
    # Smoothing reaches two pixels.
    assert not lines.excess[:, 102:108].any()
    assert found.facts["labelled_rows"] == 5
    assert found.facts["labelled_within"] == found.known.within.sum()
    assert not found.known.within[4]
    weights = response(lines)
    assert np.abs(weights).max() > 0
    plain = keras.Model(model.input, model.get_layer("mixture").output[0])
    before = np.asarray(plain.predict_on_batch(model_inputs(few)))
    scale = response.scale
    expected = before - response.error(weights, before)
    np.testing.assert_allclose(
        labels_of(model, few) / scale, expected / scale, atol=1e-4
    )
    none = dataclasses.replace(found.known, within=np.zeros(5, bool))
    assert not none.lines(response).excess.any()
    moved_by = response(none.lines(response)) / scale
    np.testing.assert_allclose(moved_by, 0, atol=1e-5)


def test_intervals_are_scaled_by_errors_of_stars_left_out(moved, monkeypatch):
    run, _, folder = moved
    found = adaptation(run, folder, 5)
    stage, seen = found.label_stage(), []

    def factors(errors):
        seen.append(errors)
        return interval_factors(errors)

    def estimates(self, model):
        return self.truth + 2.0, np.full_like(self.truth, 4.0)

    none = LabelledLines(np.zeros((5, 240)), 0.0)
    monkeypatch.setattr(KnownStars, "lines", lambda *args, **more: none)
    monkeypatch.setattr(KnownStars, "_estimates", estimates)
    monkeypatch.setattr(stellar_known, "interval_factors", factors)
    found.assemble({"labels": stage.model})
    left = 2.0 * (1 - 4 / (4 + few_shot.SHIFT))
    assert seen[0] == pytest.approx(np.full((5, 4), left / 4), abs=1e-3)
    for name in LABELS:
        made = found.facts[f"correction_{name}"]
        assert made["rms_left_out"] == pytest.approx(left, abs=1e-2)
        assert made["shift"] == pytest.approx(-10 / (5 + few_shot.SHIFT), abs=1e-2)


def test_one_labelled_star_is_refused(moved):
    run, _, folder = moved
    with pytest.raises(DataError, match="two or more labelled stars, found 1"):
        adaptation(run, folder, 1).label_stage()


def test_labelled_stars_that_cannot_be_compared_are_refused_at_once(moved, refused):
    run, _, folder = moved
    few = open_many([folder / "few.h5"], STELLAR).read()
    far = few.take(range(5))
    far.targets["teff_kelvin"] = far.targets["teff_kelvin"] - 273.15 * 10
    with refused(DataError, "found none of 5 stars", hint="units"):
        adaptation(run, folder, far)
    wave = few.axes["wavelength_angstrom"]
    other = dataclasses.replace(few, axes={"wavelength_angstrom": wave + 1.0})
    with refused(DataError, "240 wavelengths", hint="resample"):
        adaptation(run, folder, other)
    inputs = {k: v[:, :200] for k, v in few.inputs.items()}
    axes = {"wavelength_angstrom": wave[:200]}
    with refused(DataError, "found 200", hint="resample"):
        adaptation(run, folder, dataclasses.replace(few, inputs=inputs, axes=axes))


def test_rows_of_one_star_are_one_in_what_chance_explains(moved):
    run, _, folder = moved
    found = adaptation(run, folder, 0)
    groups = open_many([folder / "obs.h5"], STELLAR).facts()["group"]
    assert found.stars == len(np.unique(groups)) < len(groups)
    stage = found.label_stage()
    model, widths = found.assemble({"labels": stage.model}), np.ones((3, 4))
    by_stars = found._widening(model, widths)
    found.stars = len(groups)
    assert (by_stars != found._widening(model, widths)).any()


def test_only_named_layers_move(moved):
    run, new, _ = moved
    before, after = run.load_model(), new.load_model()
    moves = {}
    for part in ("encoder", "decoder"):
        for a, b in zip(
            before.get_layer(part).weights, after.get_layer(part).weights, strict=True
        ):
            moves[a.path.split("/")[0]] = float(np.abs(a.numpy() - b.numpy()).max())
    moved_names = {name for name, step in moves.items() if step > 0}
    assert moved_names == {"encoder_0", "decoder_1", "features"}


def test_observed_labels_are_out_of_sight(moved):
    _, _, folder = moved
    hidden = WithoutTargets(open_many([folder / "obs.h5"], STELLAR))
    assert not hidden.read(0, 3).targets
    with pytest.raises(DataError, match="no labels"):
        read_labels(hidden.read(0, 3))


def test_other_grids_and_cases_are_refused(moved, lens_run):
    run, _, folder = moved
    other = folder / "wide.npz"
    wave = np.linspace(8800, 8835, 200)
    np.savez(other, flux=np.ones((60, 200)), wavelength_angstrom=wave)
    call = CliRunner().invoke
    words = ["finetune", str(run.path), "--data", str(other), "-o", str(folder / "x")]
    error = call(cli, words).exception
    assert isinstance(error, DataError)
    assert "240 wavelengths" in str(error)
    words = ["finetune", str(lens_run.run.path), "--data", str(other)]
    error = call(cli, words).exception
    assert isinstance(error, UsageError)
    assert "cannot be fine-tuned" in str(error)
