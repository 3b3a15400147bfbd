"""kastro export preset:NAME: a copy, or an error that says how to get the rest."""

import json

import pytest

from keras_astro.errors import UsageError
from keras_astro.exports.preset import export_preset
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.presets import resolve_preset


def test_the_file_itself_is_given(tmp_path, refused):
    path, found = export_preset(
        "preset:alerts", fmt="tflite", quantize=None, out_dir=tmp_path / "a"
    )
    assert path.read_bytes() == resolve_preset("preset:alerts").read_bytes()
    assert json.loads((path.parent / "verification.json").read_text()) == found
    assert open_predictor(path).manifest["task"] == "alerts"
    options = {"fmt": "tflite", "quantize": "float16", "out_dir": tmp_path / "a"}
    with refused(UsageError, "exists already", hint="--overwrite"):
        export_preset("preset:alerts", **options)
    export_preset("preset:alerts", **options, overwrite=True)


@pytest.mark.parametrize(
    ("fmt", "quantize", "command"),
    [
        ("saved_model", None, "--format saved_model"),
        ("tflite", "int8", "--format tflite --quantize int8"),
    ],
)
def test_what_needs_the_model_names_the_recipe(
    tmp_path, refused, fmt, quantize, command
):
    with refused(UsageError, "preset:cgm cannot become", "Keras model") as caught:
        export_preset("preset:cgm", fmt=fmt, quantize=quantize, out_dir=tmp_path / "a")
    assert "presets/cgm.yaml -o runs/cgm" in caught.value.hint
    assert caught.value.hint.endswith(command)
    assert not list(tmp_path.iterdir())


def test_on_the_command_line(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from keras_astro.cli.export import export

    monkeypatch.chdir(tmp_path)
    words = ["preset:galaxies", "--format", "tflite"]
    done = CliRunner().invoke(export, words, catch_exceptions=False)
    assert done.output.startswith("exports/galaxies-float16/galaxies-float16.tflite:")
    with pytest.raises(UsageError, match="no such preset"):
        CliRunner().invoke(
            export, ["preset:galaxis", "--format", "tflite"], catch_exceptions=False
        )
