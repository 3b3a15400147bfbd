import pytest

from keras_astro.errors import DataError
from keras_astro.evaluation import Verdict, against_baselines, paired_verdict
from keras_astro.metrics import Interval


@pytest.mark.parametrize(
    ("network", "baseline", "higher", "kind"),
    [
        (Interval(0.9, 0.88, 0.92), Interval(0.8, 0.78, 0.82), True, "pass"),
        (Interval(0.9, 0.84, 0.95), Interval(0.85, 0.8, 0.9), True, "note"),
        (Interval(0.8, 0.7, 0.9), 0.8, True, "fail"),
        (0.7, 0.8, True, "fail"),
        (0.7, 0.8, False, "pass"),
        ({"value": 1.0, "low": 0.9, "high": 1.1}, 1.05, False, "note"),
        (2.0, 1.0, False, "fail"),
    ],
)
def test_a_win_must_exceed_the_uncertainty(network, baseline, higher, kind):
    metrics = {"m": network, "m_pca": baseline}
    (verdict,) = against_baselines(metrics, "m", ["pca"], higher_is_better=higher)
    assert verdict.kind == kind
    assert ("does NOT beat" in verdict.text) == (kind == "fail")


def test_baselines_may_carry_labels():
    metrics = {"auc": 0.9, "auc_pca": 0.8, "auc_ring_radius": 0.99}
    first, second = against_baselines(
        metrics, "auc", {"pca": "PCA residual", "ring_radius": "ring radius"}
    )
    assert "beats PCA residual (0.8)" in first.text
    assert "does NOT beat ring radius (0.99)" in second.text


def test_an_unmeasured_baseline_is_named(refused):
    with refused(DataError, "auc_tangent not among", hint="Put auc_tangent into"):
        against_baselines({"auc": 0.9, "auc_pca": 0.8}, "auc", ["pca", "tangent"])


@pytest.mark.parametrize(
    ("difference", "kind"),
    [
        (Interval(0.1, 0.01, 0.2), "pass"),
        (Interval(0.1, -0.01, 0.2), "note"),
        (Interval(-0.1, -0.2, -0.01), "fail"),
    ],
)
def test_paired_differences_are_judged_by_their_sign(difference, kind):
    verdict = paired_verdict(difference, baseline="PCA")
    assert verdict.kind == kind
    assert f"{difference.value:+.4g}" in verdict.text


def test_verdicts_have_three_kinds():
    with pytest.raises(DataError, match="'great'"):
        Verdict("great", "It works.")
