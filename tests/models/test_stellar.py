"""The full stellar model: names, shapes, and what each regressor is fed."""

import keras
import numpy as np
import pytest

from keras_astro import registry
from keras_astro.layers.domain import ResidualLevel
from keras_astro.layers.pca import PrincipalComponents
from keras_astro.models import autoencoder, stellar
from keras_astro.tasks.stellar_features import LABELS
from keras_astro.tasks.stellar_terms import TERMS

PIXELS, COMPONENTS, LATENT, MEMBERS = 210, 8, 3, 2


def build(kind="dense"):
    keras.utils.set_random_seed(0)
    width = PIXELS if kind == "direct_cnn" else LATENT + 1
    regressor = (
        stellar.direct_cnn(PIXELS, 4, members=MEMBERS)
        if kind == "direct_cnn"
        else stellar.label_ensemble(width, 4, members=MEMBERS, kind=kind, hidden=(6,))
    )
    parts = stellar.StellarParts(
        stem=stellar.spectrum_stem(PIXELS, continuum_bins=7, degree=1),
        components=PrincipalComponents(COMPONENTS, (PIXELS,), name="components"),
        level=ResidualLevel(name="level"),
        encoder=autoencoder.dense_encoder(COMPONENTS, LATENT, hidden=(5,)),
        decoder=autoencoder.dense_decoder(LATENT, COMPONENTS, hidden=(5,)),
        standardise=keras.layers.Normalization(
            axis=-1, mean=[0.0] * width, variance=[1.0] * width, name="standardise"
        ),
        regressor=regressor,
        members=MEMBERS,
        direct=kind == "direct_cnn",
        labels=LABELS,
    )
    return stellar.stellar_model(parts, calibration_rows=9, false_positive_rate=0.1)


def rows(count=3):
    flux = np.random.default_rng(0).uniform(0.5, 1, (count, PIXELS)).astype("float32")
    return {"flux": flux, "ivar": np.ones_like(flux), "mask": np.zeros_like(flux)}


@pytest.mark.parametrize("kind", ["dense", "cnn", "direct_cnn"])
def test_every_output_is_named_described_and_finite(kind):
    model = build(kind)
    found = model(rows())
    assert set(found) | set(model.input) == set(TERMS)
    for name, value in found.items():
        assert np.isfinite(np.asarray(value)).all(), name
        assert value.shape == (3, *model.output[name].shape[1:]), name
    for label in LABELS:
        assert found[label].shape == (3,)
        assert (np.asarray(found[stellar.error_name(label)]) > 0).all()


def test_estimates_do_not_depend_on_unit_or_bad_pixels():
    model = build()
    plain = rows()
    other = {**plain, "flux": 5e3 * plain["flux"]}
    other["flux"][:, 40] = np.nan
    plain["mask"][:, 40] = 1
    ours, theirs = model(plain), model(other)
    for name in (*LABELS, "score"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-3, atol=1e-4)


def test_signatures_share_the_model():
    model = build()
    found = stellar.endpoints(model)
    assert set(found) == {"predict", "encode", "decode", "reconstruct", "score"}
    z = found["encode"](rows())["z"]
    drawn = found["decode"]({"z": z})["reconstruction"]
    expected = found["reconstruct"](rows())["reconstruction"]
    np.testing.assert_allclose(drawn, expected, rtol=1e-5)
    assert not {"normalised", "reconstruction"} & set(found["predict"].output)


def test_members_are_independent():
    ensemble = stellar.label_ensemble(4, 2, members=3, hidden=(5,))
    seen = np.ones((1, 4), "float32")
    before = np.asarray(ensemble(seen))
    for weight in ensemble.get_layer("member_1_0").weights:
        weight.assign(weight + 1.0)
    changed = np.asarray(ensemble(seen)) != before
    assert changed[0].tolist() == [False] * 4 + [True] * 4 + [False] * 4


def test_saved_and_loaded(tmp_path):
    registry.load_all()
    model = build()
    model.get_layer("mixture").set_units([3500, 5, 0, 10], [500, 0.2, 0.4, 8])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for name, value in model(rows()).items():
        np.testing.assert_array_equal(loaded(rows())[name], value)


def test_units_stand_last_in_names():
    assert stellar.error_name("vsini_kms") == "vsini_error_kms"
    assert stellar.end_name("logg_dex", "high_95") == "logg_high_95_dex"
    assert TERMS["metallicity_low_68_dex"] == (
        "dex",
        "[M/H], low end of the 68 % interval",
    )
