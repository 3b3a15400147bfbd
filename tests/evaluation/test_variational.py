from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy import stats

from keras_astro.evaluation import lensing
from keras_astro.evaluation.subject import Evaluation, Subject
from keras_astro.evaluation.variational import importance_weighted_bound, latent_use
from keras_astro.layers.likelihoods import GaussianLikelihood
from keras_astro.layers.priors import MixturePrior, StandardNormalPrior
from keras_astro.tasks.lensing_config import LensingConfig, Model

WIDTH, SD = 3, 0.5


def linear(posterior_log_variance=-1.0):
    """x = W z + noise: evidence and posterior have closed forms."""
    kernel = np.random.default_rng(0).normal(size=(2, WIDTH)).astype("float32")
    inputs = keras.Input((WIDTH,))
    # The exact posterior mean; its covariance is taken to be diagonal, which it is not.
    precision = np.eye(2) + kernel @ kernel.T / SD**2
    gain = (np.linalg.solve(precision, kernel) / SD**2).T
    mean = keras.layers.Dense(2, use_bias=False, name="mean")
    log_variance = keras.layers.Dense(
        2,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(posterior_log_variance),
    )
    posterior = keras.Model(inputs, [mean(inputs), log_variance(inputs)])
    mean.set_weights([gain])
    z = keras.Input((2,))
    decode = keras.layers.Dense(WIDTH, use_bias=False)
    decoder = keras.Model(z, decode(z))
    decode.set_weights([kernel])
    evidence = stats.multivariate_normal(
        np.zeros(WIDTH), kernel.T @ kernel + SD**2 * np.eye(WIDTH)
    )
    return posterior, decoder, evidence


def bound(parts, x, samples, prior=None, **options):
    posterior, decoder, _ = parts
    likelihood = GaussianLikelihood(SD)
    likelihood.build([(None, WIDTH)] * 2)
    return importance_weighted_bound(
        x,
        posterior=posterior,
        decoder=decoder,
        prior=prior or StandardNormalPrior(2),
        log_likelihood=likelihood.log_prob,
        samples=samples,
        **options,
    )


def test_bound_rises_to_the_evidence():
    parts = linear()
    x = parts[2].rvs(400, random_state=1)
    exact = parts[2].logpdf(x)
    found = [bound(parts, x, samples).mean() for samples in (1, 10, 2000)]
    assert found[0] < found[1] - 0.05
    assert found[1] < found[2] - 0.01
    assert found[2] == pytest.approx(exact.mean(), abs=0.02)
    # No bound on the mean is above it, but for the scatter of the draws.
    assert found[2] < exact.mean() + 0.01


def test_one_sample_is_the_evidence_lower_bound():
    parts = linear()
    x = parts[2].rvs(3000, random_state=1).astype("float32")
    mean, log_variance = (np.asarray(t) for t in parts[0](x))
    kernel = parts[1].layers[-1].kernel.numpy()
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(axis=1)
    spread = np.exp(log_variance) @ (kernel**2)
    square = (x - mean @ kernel) ** 2 + spread
    expected = (-0.5 * (square / SD**2 + np.log(2 * np.pi * SD**2))).sum(axis=1) - kl
    draws = np.stack([bound(parts, x, 1, seed=seed) for seed in range(4)])
    error = (draws - expected).std() / np.sqrt(draws.size)
    assert abs((draws - expected).mean()) < 4 * error


def test_bound_reads_the_prior():
    parts = linear()
    prior = MixturePrior(2, components=2, seed=0)
    prior.build()
    x = parts[2].rvs(50, random_state=1)
    prior.means.assign(np.zeros((2, 2)))
    same = bound(parts, x, 5, prior=prior)
    np.testing.assert_allclose(same, bound(parts, x, 5), rtol=1e-4)
    prior.means.assign(np.full((2, 2), 5.0))
    assert bound(parts, x, 5, prior=prior).mean() < same.mean() - 1


def test_batches_cover_all_rows_and_a_seed_repeats():
    parts = linear()
    x = parts[2].rvs(23, random_state=1)
    found = [bound(parts, x, 3, batch_size=10, seed=4) for _ in range(2)]
    assert found[0].shape == (23,)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("variational", [True, False])
def test_report_of_a_variational_run_tells_of_its_latents(monkeypatch, variational):
    rows = SimpleNamespace(outputs={"z": np.zeros((20, 4))}, flags=None)
    monkeypatch.setattr(lensing, "score_rows", lambda _: rows)
    monkeypatch.setattr(
        lensing, "evaluate_lenses", lambda _: Evaluation("lenses", {}, [], [])
    )
    config = LensingConfig(model=Model(variational=variational))
    run = SimpleNamespace(config=config)
    found = lensing.examine(Subject(None, None, print, run))
    told = {"active_units": 0.0, "latent_dim": 4.0} if variational else {}
    assert found.metrics == told
    assert [v.kind for v in found.verdicts] == (["fail"] if variational else [])
    # An artefact does not say how it was trained.
    assert lensing.examine(Subject(None, None, print)).metrics == {}


def test_collapse_is_said_in_words():
    rng = np.random.default_rng(0)
    used, idle = rng.normal(size=(100, 2)), 0.01 * rng.normal(size=(100, 3))
    metrics, verdict = latent_use(used)
    assert metrics == {"active_units": 2.0, "latent_dim": 2.0}
    assert verdict.kind == "pass"
    metrics, verdict = latent_use(np.concatenate([used, idle], axis=1))
    assert metrics["active_units"] == 2
    assert (verdict.kind, "2 of 5" in verdict.text) == ("note", True)
    metrics, verdict = latent_use(idle)
    assert metrics["active_units"] == 0
    assert verdict.kind == "fail"
    assert "collapsed" in verdict.text
