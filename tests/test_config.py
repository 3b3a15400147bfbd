import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_astro.config import RunConfig, build_config, read_yaml, set_values
from keras_astro.errors import ConfigError
from keras_astro.tasks.catalog import load_config


def test_unknown_key_names_the_nearest():
    with pytest.raises(ConfigError, match=r"train\.epoch is not a setting .*epochs"):
        build_config(
            RunConfig, {"task": "lensing", "train": {"epoch": 3}}, where="my.yaml"
        )


def test_wrong_value_names_key_value_and_file():
    values = {"task": "lensing", "train": {"epochs": 0}}
    with pytest.raises(ConfigError, match=r"train\.epochs = 0 in my\.yaml: input"):
        build_config(RunConfig, values, where="my.yaml")


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
