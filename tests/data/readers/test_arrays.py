import h5py
import numpy as np
import pytest

from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.readers import open_source
from keras_astro.data.readers.arrays import open_npz
from keras_astro.data.schemas import LENSING
from keras_astro.errors import DataError

IMAGES = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype("float32")


def save(path, **arrays):
    """Writes arrays by the suffix of the path."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            file.update(arrays)
    return path


@pytest.fixture(params=["a.npz", "a.h5"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_image_labels_and_truth_are_found(path):
    radius = np.arange(5, dtype="float32")
    save(path, image=IMAGES, label=np.array([0, 1, 0, 1, 1]), theta_E_arcsec=radius)
    rows = open_source(path, LENSING).read()
    np.testing.assert_array_equal(rows.inputs["image"], IMAGES)
    assert rows.targets["is_anomaly"].tolist() == [0, 1, 0, 1, 1]
    np.testing.assert_array_equal(rows.targets["theta_E_arcsec"], radius)
    assert rows.meta["id"].tolist() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("name", ["images", "X", "stamps"])
def test_common_names_without_band_axis_are_taken(path, name):
    save(path, **{name: IMAGES[..., 0].astype("float64")})
    rows = open_source(path, LENSING).read()
    np.testing.assert_array_equal(rows.inputs["image"], IMAGES)
    assert rows.inputs["image"].dtype == np.float32


def test_names_of_rows_are_kept(tmp_path):
    names = np.array(["v", "w", "x", "y", "z"])
    save(tmp_path / "a.npz", image=IMAGES, objectId=names)
    source = open_source(tmp_path / "a.npz", LENSING)
    assert source.facts()["group"].tolist() == names.tolist()


def test_plain_array_is_the_input(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    rows = open_source(tmp_path / "a.npy", LENSING).take([4, 1])
    np.testing.assert_array_equal(rows.inputs["image"], IMAGES[[4, 1]])


def with_nan():
    images = IMAGES.copy()
    images[0, 0, 0] = np.nan
    return images


BAD = {
    "nan": ({"image": with_nan()}, "image is NaN or infinite in 0.31% of pixels"),
    "axes": ({"image": np.ones((2, 2))}, "axes (row, y, x, band), found shape (2, 2)"),
    "labels": ({"image": IMAGES, "label": np.zeros(3, int)}, "row counts"),
    "number": ({"image": np.float32(3)}, "axes (row, y, x, band), found shape ()"),
    "no rows": ({"image": np.empty((0, 8, 8, 1), "float32")}, "no rows"),
    "scalar label": ({"image": IMAGES, "label": np.int64(3)}, "row counts"),
}


@pytest.mark.parametrize("kind", BAD)
def test_unusable_arrays_are_named(tmp_path, refused, kind):
    arrays, words = BAD[kind]
    path = save(tmp_path / "a.npz", **arrays)
    with refused(DataError, path, words) as caught:
        open_source(path, LENSING)
    assert caught.value.exit_code == 4


def test_text_instead_of_pixels_is_refused(tmp_path, refused):
    path = save(tmp_path / "a.npz", image=np.array(["a", "b"]))
    with refused(DataError, path, "expected numbers", "image"):
        open_source(path, LENSING)


def test_missing_input_lists_what_is_there(tmp_path, refused):
    path = save(tmp_path / "a.npz", flux=np.ones(3), time=np.ones(3))
    with refused(
        DataError,
        path,
        "expected an array named image",
        "flux, time",
        hint="name image",
    ):
        open_source(path, LENSING)


def test_pickled_objects_are_refused(tmp_path, refused):
    path = tmp_path / "a.npz"
    np.savez(path, image=np.array([{}], object))
    with refused(DataError, path, "expected NumPy arrays", "pickled", hint="savez"):
        open_source(path, LENSING)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "packed.npz"])
def test_no_truncation_passes_for_arrays(tmp_path, refused, name):
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, IMAGES)
    else:
        (np.savez_compressed if name == "packed.npz" else np.savez)(path, image=IMAGES)
    whole = path.read_bytes()
    for stop in range(1, len(whole), 61):
        path.write_bytes(whole[:stop])
        with refused(DataError, path, "expected NumPy arrays", "damaged"):
            open_source(path, LENSING)


def test_damage_inside_an_archive_is_refused(tmp_path, refused):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, image=IMAGES)
    content = bytearray(path.read_bytes())
    content[60:200] = b"\xff" * 140
    path.write_bytes(content)
    with refused(DataError, path, "expected NumPy arrays", hint="savez"):
        open_source(path, LENSING)


def test_damage_inside_hdf5_is_refused(tmp_path, refused):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=IMAGES, chunks=(1, 8, 8, 1))
    path.write_bytes(path.read_bytes().replace(b"TREE", b"XXXX"))
    with refused(DataError, path, "expected", "found", hint="again"):
        open_source(path, LENSING)


def galaxy_arrays(rows=3):
    rng = np.random.default_rng(0)
    return {
        "img": rng.normal(size=(rows, 8, 8)).astype("float32"),
        "label": rng.uniform(size=(rows, 5)),
        "psf_fwhm": np.full(rows, 0.7),
        "sigma": np.full(rows, 200.0),
    }


def test_galaxies_by_the_published_names(tmp_path):
    arrays = galaxy_arrays()
    np.savez(tmp_path / "galaxies.npz", **arrays)
    sample = open_npz(tmp_path / "galaxies.npz", GALAXIES).read()
    assert sample.inputs["image"].shape == (3, 8, 8, 1)
    assert sample.inputs["psf_fwhm_arcsec"].tolist() == [0.7] * 3
    assert sample.inputs["noise_sigma"].tolist() == [200.0] * 3
    for i, name in enumerate(GALAXIES.label_columns):
        assert np.allclose(sample.targets[name], arrays["label"][:, i])


def test_galaxies_without_labels_can_be_opened(tmp_path):
    arrays = galaxy_arrays()
    del arrays["label"]
    np.savez(tmp_path / "galaxies.npz", **arrays)
    assert not open_npz(tmp_path / "galaxies.npz", GALAXIES).read().targets


@pytest.mark.parametrize(
    ("change", "words", "hint"),
    [
        ({"label": np.zeros((3, 4))}, "label of shape (row, 5)", "Give label these"),
        ({"psf_fwhm": None}, "psf_fwhm_arcsec is missing", "or fwhm, in arcsec"),
        ({"sigma": np.ones(4)}, "differ in row counts", "the same rows"),
    ],
)
def test_wrong_galaxies_are_refused(tmp_path, refused, change, words, hint):
    arrays = {k: v for k, v in (galaxy_arrays() | change).items() if v is not None}
    np.savez(tmp_path / "galaxies.npz", **arrays)
    with refused(DataError, words, hint=hint):
        open_npz(tmp_path / "galaxies.npz", GALAXIES)
