"""Small data files of every format."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_astro.data.sample import Sample
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import write_store

SIDE = 12


@pytest.fixture
def make_sample():
    """Makes rows whose pixels, labels and names tell which row they are."""

    def make(rows, start=0, **meta):
        number = np.arange(start, start + rows)
        ramp = np.arange(SIDE * SIDE, dtype="float32").reshape(SIDE, SIDE, 1)
        return Sample(
            LENSING,
            {"image": number[:, None, None, None].astype("float32") + ramp},
            {
                "is_anomaly": (number % 2).astype("uint8"),
                "theta_E_arcsec": (number / 10).astype("float32"),
            },
            {"id": np.array([f"row-{n}" for n in number]), **meta},
        )

    return make


@pytest.fixture
def store(tmp_path, make_sample):
    """A store of 100 rows."""
    path = tmp_path / "good.h5"
    write_store(path, [make_sample(100)], generator="test", config={"a": 1}, seed=5)
    return path


@pytest.fixture
def encode():
    """Makes the bytes of a JPEG or PNG image of one grey level plus a gradient."""

    def make(level=0, side=SIDE, kind="PNG", bands=1):
        row = np.linspace(0, 100, side) + level
        array = np.broadcast_to(row[:, None], (side, side)).astype("uint8")
        if bands == 3:
            array = np.stack([array, array // 2, array // 3], axis=-1)
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, kind)
        return buffer.getvalue()

    return make


@pytest.fixture
def labelled_files(encode):
    """Files by name: two classes, JPEG and PNG, and what archivers leave behind."""
    return {
        "set/no_sub/a.jpg": encode(10, kind="JPEG"),
        "set/no_sub/b.png": encode(20),
        "set/sub/c.jpeg": encode(30, kind="JPEG"),
        "set/sub/d.PNG": encode(40),
        "__MACOSX/set/sub/._c.jpeg": b"resource fork",
        "set/sub/.hidden.png": b"",
        "set/readme.txt": b"not an image",
    }
