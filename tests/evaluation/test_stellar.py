"""The stellar report: intervals over atmospheres, coverage, baselines, sections."""

import numpy as np
import pytest

from keras_astro.evaluation import stellar
from keras_astro.evaluation.line_names import lines_in
from keras_astro.evaluation.star_rows import StarRows
from keras_astro.evaluation.stellar_baselines import (
    DirectMlp,
    PcaRidge,
    without_offset,
)
from keras_astro.models.stellar import ENDS, end_name, error_name
from keras_astro.tasks.stellar_features import LABELS

HALF = {"low_68": -0.9945, "high_68": 0.9945, "low_95": -1.96, "high_95": 1.96}


def star_rows(count=400, each=4, shift=0.0, width=1.0):
    rng = np.random.default_rng(0)
    truth = {name: rng.normal(10, 3, count) for name in LABELS}
    outputs = {"is_anomaly": np.zeros(count), "z": rng.normal(size=(count, 3))}
    for name in LABELS:
        outputs[name] = truth[name] + shift + rng.normal(size=count)
        outputs[error_name(name)] = np.ones(count)
        for end in ENDS:
            outputs[end_name(name, end)] = outputs[name] + width * HALF[end]
    return StarRows(
        outputs=outputs,
        flags=np.full(count, ""),
        truth=truth,
        groups=np.repeat(np.arange(count // each), each),
        snr=rng.uniform(50, 150, count),
        wavelength=np.linspace(8800, 8835, 60),
        medium="vacuum",
        normalised=np.ones((5, 60)),
        reconstruction=np.ones((5, 60)) + 0.01,
        train_latents=rng.normal(size=(200, 3)),
        resamples=200,
    )


def test_errors_that_a_group_shares_widen_the_interval():
    rng = np.random.default_rng(1)
    shared = np.repeat(rng.normal(size=60), 10)
    groups = np.repeat(np.arange(60), 10)
    together = stellar.grouped_rms(shared, groups, 300)
    apart = stellar.grouped_rms(shared, np.arange(600), 300)
    assert together.value == pytest.approx(apart.value)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_honest_intervals_pass_and_narrow_ones_fail():
    honest = stellar.coverage_metrics(star_rows())
    assert honest["coverage_68"].value == pytest.approx(0.68, abs=0.03)
    assert honest["coverage_95"].value == pytest.approx(0.95, abs=0.02)
    kinds = [v.kind for v in stellar._coverage_verdicts(honest)]
    assert kinds == ["pass", "pass"]
    narrow = stellar.coverage_metrics(star_rows(width=0.5))
    assert [v.kind for v in stellar._coverage_verdicts(narrow)] == ["fail", "fail"]


@pytest.mark.parametrize(("groups", "noted"), [(39, []), (20, [95]), (5, [68, 95])])
def test_a_report_says_where_atmospheres_are_too_few(monkeypatch, groups, noted):
    rows = star_rows()
    rows.calibration_groups = groups
    monkeypatch.setattr(stellar, "star_rows", lambda subject: rows)
    found = stellar.examine(None)
    assert found.facts["intervals calibrated on"] == f"{groups} atmospheres"
    said = [v.text for v in found.verdicts if "to calibrate with" in v.text]
    assert [int(text.split(" of ")[1][:2]) for text in said] == noted
    if groups == 20:
        assert said[0].endswith(
            "39 atmospheres to calibrate with and had 20: of new "
            "ones they may hold only 90%."
        )


def test_report_of_labelled_rows(monkeypatch):
    rows = star_rows(shift=0.5)
    rows.baselines = {
        "constant_offset": {
            n: without_offset(rows.truth[n], rows.outputs[n]) for n in LABELS
        },
        "pca_ridge": {n: rows.truth[n] + 3.0 for n in LABELS},
    }
    monkeypatch.setattr(stellar, "star_rows", lambda subject: rows)
    found = stellar.examine(None)
    metrics = found.metrics
    assert metrics["rmse_teff_kelvin_pca_ridge"].value == pytest.approx(3.0)
    ours = metrics["rmse_teff_kelvin"].value
    assert metrics["rmse_teff_over_pca_ridge"] == pytest.approx(ours / 3.0)
    assert metrics["rmse_teff_kelvin_constant_offset"].value < ours
    assert metrics["bias_teff_kelvin"] == pytest.approx(0.5, abs=0.2)
    beaten = [v.text for v in found.verdicts if "PCA-32 + ridge" in v.text]
    assert len(beaten) == 4
    names = [name for s in found.sections for name, *_ in s.figures]
    assert names == [
        *(f"parity__{label}" for label in LABELS),
        "error_against",
        "coverage_curve",
        "residual_spectrum",
        "kiel_diagram",
        "latent_map",
    ]
    assert 0.35 < metrics["domain_auc"] < 0.65


def test_report_without_labels_says_so(monkeypatch):
    rows = star_rows(count=8)
    rows.truth, rows.train_latents, rows.normalised = {}, None, None
    monkeypatch.setattr(stellar, "star_rows", lambda subject: rows)
    found = stellar.examine(None)
    assert [v.text for v in found.verdicts] == ["The data has no labels: no errors."]
    assert set(found.metrics) == {"rows", "flagged_fraction"}


@pytest.mark.parametrize("baseline", [PcaRidge(), DirectMlp(hidden=(32,), epochs=100)])
def test_baselines_find_plain_labels(baseline):
    rng = np.random.default_rng(0)
    labels = rng.uniform(-1, 1, (200, 2)) * [500, 0.3] + [3500, 0]
    response = rng.normal(size=(2, 80))
    spectra = 1 + 0.1 * ((labels - [3500, 0]) / [500, 0.3]) @ response
    found = baseline.fit(spectra[:150], labels[:150]).predict(spectra[150:])
    error = np.abs(found - labels[150:]).mean(axis=0)
    assert (error < 0.4 * labels.std(axis=0)).all()


def test_lines_stand_in_the_medium_of_the_grid():
    assert lines_in("air")["Ca II 8542"] == 8542.09
    assert lines_in("vacuum")["Ca II 8542"] == pytest.approx(8544.44, abs=0.01)
