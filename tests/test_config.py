import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_astro.config import RunConfig, build_config, read_yaml, set_values
from keras_astro.errors import ConfigError
from keras_astro.tasks.catalog import load_config


def test_unknown_key_names_the_nearest(refused):
    words = "train.epoch is not a setting", "did you mean train.epochs?"
    with refused(ConfigError, *words, hint="kastro train lensing --dry-run"):
        build_config(
            RunConfig, {"task": "lensing", "train": {"epoch": 3}}, where="my.yaml"
        )


@pytest.mark.parametrize(
    ("values", "words", "hint"),
    [
        ({"epochs": 0}, ["train.epochs = 0 in my.yaml: input"], "default is 200;"),
        (
            {"steps_per_execution": "all"},
            ["steps_per_execution = 'all' in", "a valid integer", "or input", "'auto'"],
            'default is "auto";',
        ),
    ],
)
def test_wrong_value_names_key_value_file_and_default(refused, values, words, hint):
    with refused(ConfigError, *words, hint=hint):
        build_config(RunConfig, {"task": "lensing", "train": values}, where="my.yaml")


@pytest.mark.parametrize(
    ("task", "override", "words"),
    [
        ("alerts", "simulation.shares={SN: x}", "simulation.shares.SN = 'x'"),
        ("alerts", "simulation.shares={1: 0.2}", "simulation.shares.1 = 1"),
        ("lensing", "model.hidden=[8, x]", "model.hidden.1 = 'x'"),
        ("cgm", "simulation.kernel=x", "simulation.kernel = 'x'"),
        ("lensing", "data.test_fraction=x", "data.test_fraction = 'x'"),
    ],
)
def test_a_key_within_a_setting_is_kept(refused, task, override, words):
    with refused(ConfigError, f"{words} in --set"):
        load_config(task, [override])


@pytest.mark.parametrize("values", [{}, {"task": "lensin"}, {"task": None, "seed": 3}])
def test_what_is_no_case_lists_them(refused, values):
    with refused(ConfigError, "task", hint="kastro tasks"):
        build_config(type(load_config("lensing")), {"task": None} | values, where="me")


def test_settings_that_do_not_go_together_are_named(refused):
    pair = ["objective.reconstruction_weight=1", "preprocessing.psf=image"]
    words = "--set: objective.reconstruction_weight", "preprocessing.psf = fwhm"
    with refused(ConfigError, *words, hint="Change one of the settings"):
        load_config("galaxies", pair)


def test_a_long_default_is_not_repeated(refused):
    with refused(ConfigError, "system.lines = 3", hint="List the settings with"):
        load_config("cgm", ["system.lines=3"])


@given(st.integers(1, 10**6), st.floats(1e-6, 1.0), st.integers(0, 2**31))
def test_yaml_round_trip(epochs, learning_rate, seed):
    import yaml

    values = {
        "task": "lensing",
        "seed": seed,
        "train": {"epochs": epochs, "learning_rate": learning_rate},
    }
    config = build_config(RunConfig, values, where="test")
    again = build_config(RunConfig, yaml.safe_load(config.to_yaml()), where="test")
    assert again == config
    assert again.digest() == config.digest()


def test_digest_sees_every_setting():
    one = RunConfig(task="lensing")
    two = build_config(
        RunConfig, set_values(one.model_dump(mode="json"), ["seed=1"]), where="test"
    )
    assert one.digest() != two.digest()


@pytest.mark.parametrize("text", ["novalue", "=3"])
def test_override_needs_key_and_value(text):
    with pytest.raises(ConfigError, match="expected key=value"):
        set_values({}, [text])


def test_override_into_a_scalar_is_refused():
    with pytest.raises(ConfigError, match="seed is not a section"):
        set_values({"seed": 1}, ["seed.x=2"])


def test_malformed_yaml_names_the_line(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("task: lensing\ntrain: [1\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml line \d+: not YAML"):
        read_yaml(path)


def test_a_tasks_own_defaults_hold_beside_a_given_setting():
    plain = load_config("lensing")
    changed = load_config("lensing", ["train.batch_size=64", "data.simulated_rows=99"])
    assert changed.train.epochs == plain.train.epochs
    assert changed.data.validation_fraction == plain.data.validation_fraction
    assert changed.train.batch_size == 64


def test_yaml_words_for_booleans_are_words_for_jit():
    assert load_config("lensing", ["train.jit=off"]).train.jit == "off"
