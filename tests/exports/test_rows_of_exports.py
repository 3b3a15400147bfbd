"""Rows on which int8 rounds are real ones, and those it is verified on are others."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_astro.data.sample import Subset
from keras_astro.errors import DataError
from keras_astro.exports import export
from keras_astro.exports.tflite import CALIBRATION_ROWS
from keras_astro.tasks.base import Parts

SOURCE = SimpleNamespace(schema=None, name="rows")


def parts(**counts):
    """Parts of so many rows, of which no two are the same."""
    starts = {"train": 0, "validation": 1000, "calibration": 2000, "test": 3000}
    return Parts(
        **{
            name: Subset(SOURCE, range(start, start + counts.get(name, 0)))
            for name, start in starts.items()
        }
    )


def verified_on(**counts):
    found = export.rows_to_verify(parts(**counts))
    if found.source is SOURCE:
        return list(found.indices)
    return list(found.source.indices[found.indices])


def test_an_export_is_verified_on_rows_that_rounded_nothing():
    most = CALIBRATION_ROWS
    assert verified_on(test=3, calibration=most + 9) == [3000, 3001, 3002]
    behind = [2000 + most, 2001 + most]
    assert verified_on(calibration=most + 2, validation=1) == behind
    assert verified_on(calibration=most + 2, validation=3) == [1000, 1001, 1002]
    assert verified_on(calibration=most, validation=1) == [1000]


def test_an_export_that_nothing_can_verify_is_refused(refused):
    with refused(DataError, "to verify the export on", hint="--data"):
        verified_on(train=50, calibration=CALIBRATION_ROWS)


def test_int8_of_lenses_is_rounded_on_the_lenses_themselves(
    lens_run, model, monkeypatch
):
    class Seen(Exception):
        pass

    def convert(*_, rows, **__):
        raise Seen(rows)

    monkeypatch.setattr(lens_run.run, "load_model", lambda: model)
    monkeypatch.setattr(export, "convert", convert)
    calibration = lens_run.parts.calibration
    with pytest.raises(Seen) as caught:
        export.export_run(
            lens_run.run,
            calibration,
            Subset(lens_run.parts.test, range(12)),
            fmt="tflite",
            quantize="int8",
            out_dir=lens_run.folder / "never",
            story=lambda _: None,
        )
    (rows,) = caught.value.args
    wanted = calibration.read(0, CALIBRATION_ROWS).inputs["image"]
    np.testing.assert_array_equal(rows["image"], wanted.astype("float32"))
    assert len(rows["z"]) == len(wanted)
