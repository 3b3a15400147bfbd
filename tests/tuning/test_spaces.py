import dataclasses

import keras_tuner
import pytest
from fake_case import SPACE, make_config

from keras_astro.config import RunConfig
from keras_astro.errors import ArtefactError, ConfigError, UsageError
from keras_astro.tasks.catalog import load_config
from keras_astro.tuning.hypermodel import with_values
from keras_astro.tuning.spaces import SPACES, Dimension, SearchSpace, space

KEYS = ["model.hidden", "model.latent_dim", "train.learning_rate"]


def first_values(searched):
    return searched.sample(keras_tuner.HyperParameters())


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["model.latent_dim=7", "model.hidden=[5, 5]"],
        ["train.learning_rate=0.5"],
        ["train.learning_rate=0.00012345"],
    ],
)
def test_own_settings_are_the_first_trial(overrides):
    config = make_config(*overrides)
    values = first_values(SPACE.around(config))
    assert list(values) == KEYS
    assert values["model.hidden"] == config.model.hidden
    assert values["model.latent_dim"] == config.model.latent_dim
    assert values["train.learning_rate"] == config.train.learning_rate
    assert with_values(config, values) == config


def test_choices_and_intervals_widen_to_hold_the_settings():
    config = make_config("model.latent_dim=7", "train.learning_rate=0.5")
    fitted = {d.key: d for d in SPACE.around(config).dimensions}
    assert fitted["model.latent_dim"].choices == (1, 2, 3, 7)
    assert fitted["train.learning_rate"].high == 0.5
    assert fitted["train.learning_rate"].low == 1e-3


def test_integer_settings_of_float_choices_stay_floats():
    dimension = Dimension("objective.contractive", choices=(0.0, 1e-3)).around(0)
    assert dimension.choices == (0.0, 1e-3)
    assert isinstance(dimension.default, float)


def test_trials_stay_below_a_ceiling_and_the_run_may_be_smaller():
    ceiling = dataclasses.replace(SPACE, at_most={"train.batch_size": 8})
    larger = ceiling.around(make_config("train.batch_size=16"))
    assert larger.during_search == {"physics.enabled": False, "train.batch_size": 8}
    for rows in (8, 4):
        fitted = ceiling.around(make_config(f"train.batch_size={rows}"))
        assert fitted.during_search == SPACE.during_search


def test_dimensions_without_effect_are_dropped():
    plain = SPACE.around(make_config())
    variational = SPACE.around(make_config("model.variational=true"))
    assert "objective.kl" not in [d.key for d in plain.dimensions]
    assert [d.key for d in variational.dimensions] == ["objective.kl", *KEYS]


@pytest.mark.parametrize("name", SPACES)
def test_what_is_fixed_keeps_its_value_in_every_case(name):
    every = space(name).around(load_config(name)).keys
    for key in every:
        config = load_config(name, [f"tune.fixed=[{key}]"])
        if every == [key]:
            with pytest.raises(UsageError, match="no setting of") as caught:
                space(name).around(config)
            assert key in caught.value.hint
            continue
        fitted = space(name).around(config)
        assert fitted.keys == [other for other in every if other != key]
        assert list(fitted.fixed) == [key]
        assert fitted.describe()[key].startswith("fixed at ")
        assert fitted.digest() != space(name).around(load_config(name)).digest()


def test_a_fixed_setting_that_is_not_searched_is_refused_with_a_suggestion():
    config = make_config("tune.fixed=[model.latent_dims]")
    with pytest.raises(ConfigError, match="did you mean model.latent_dim") as caught:
        SPACE.around(config)
    assert "varies objective.kl, model.hidden, " in caught.value.hint


def test_nothing_left_to_search_is_refused():
    only = dataclasses.replace(SPACE, dimensions=SPACE.dimensions[:1])
    with pytest.raises(UsageError, match="no setting of lensing is searched"):
        only.around(make_config())


def test_space_of_another_task_is_refused(refused):
    words = "a lensing space cannot search a demo run"
    with refused(UsageError, words, hint="load_config('lensing')"):
        SPACE.around(RunConfig(task="demo"))


def test_sampled_values_have_the_types_of_the_settings():
    searched = SPACE.around(make_config())
    hp = keras_tuner.HyperParameters()
    searched.sample(hp)
    hp.values |= {"model.hidden": "8", "train.learning_rate": 0.0123456}
    values = searched.sample(hp)
    assert values["model.hidden"] == (8,)
    assert type(values["model.latent_dim"]) is int
    assert values["train.learning_rate"] == 0.0123
    assert make_config().model.hidden == (6, 4)
    assert with_values(make_config(), values).model.hidden == (8,)


@pytest.mark.parametrize("name", SPACES)
def test_every_published_space_fits_the_defaults_of_its_task(name):
    config = load_config(name)
    fitted = space(name).around(config)
    assert with_values(config, first_values(fitted)) == config
    for dimension in fitted.dimensions:
        assert dimension.reason
        ends = dimension.choices or (dimension.low, dimension.high)
        for value in ends:
            with_values(config, {dimension.key: value})
    with_values(config, {**fitted.during_search, **space(name).at_most})
    assert "is_anomaly" in fitted.withheld


def replaced(key, **changes):
    return dataclasses.replace(
        SPACE,
        dimensions=tuple(
            dataclasses.replace(d, **changes) if d.key == key else d
            for d in SPACE.dimensions
        ),
    )


CHANGED = {
    "choice": (replaced("model.latent_dim", choices=(1, 2)), "model.latent_dim"),
    "end": (replaced("train.learning_rate", high=0.2), "train.learning_rate"),
    "scale": (replaced("train.learning_rate", log=False), "train.learning_rate"),
    "dropped": (
        dataclasses.replace(SPACE, dimensions=SPACE.dimensions[:-1]),
        "train.learning_rate",
    ),
    "during": (dataclasses.replace(SPACE, during_search={}), "physics.enabled"),
}


@pytest.mark.parametrize("change", CHANGED)
def test_any_change_has_another_digest_and_is_named(change, config):
    changed, key = CHANGED[change]
    then, now = SPACE.around(config), changed.around(config)
    assert then.digest() != now.digest()
    with pytest.raises(ArtefactError, match=key) as caught:
        now.check_same(then.describe(), where="runs/a")
    others = {d.key for d in SPACE.dimensions} - {key}
    assert not [other for other in others if other in str(caught.value)]
    assert "runs/a" in str(caught.value)


def test_another_first_trial_is_another_search(config):
    then = SPACE.around(config)
    now = SPACE.around(make_config("model.latent_dim=3"))
    assert then.digest() != now.digest()
    with pytest.raises(ArtefactError, match="first 2, now .*first 3"):
        now.check_same(then.describe(), where="runs/a")


def test_the_same_space_is_continued(config):
    SPACE.around(config).check_same(SPACE.around(config).describe(), where="runs/a")
    reasons = replaced("model.latent_dim", reason="Reworded.")
    assert reasons.around(config).digest() == SPACE.around(config).digest()


def test_changed_withheld_targets_are_another_search(config):
    seeing = SearchSpace(SPACE.task, SPACE.dimensions, SPACE.during_search, withheld=())
    assert seeing.around(config).digest() != SPACE.around(config).digest()


def test_unknown_task_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match=r"did you mean lensing\?"):
        space("lensin")
    with pytest.raises(
        UsageError, match="tasks that can be tuned: .*lensing"
    ) as caught:
        space("zzz")
    assert "did you mean" not in str(caught.value)


def test_every_search_says_what_it_minimises():
    said = [space(task).objective for task in SPACES]
    assert SearchSpace("demo", ()).objective not in said
    assert len(set(said)) == len(said)
