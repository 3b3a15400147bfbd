import numpy as np
import pytest
from fake_case import ANOMALIES, ANOMALOUS_PIXEL, NORMAL, SPACE, FakeTask
from fake_search import run_search

from keras_astro.errors import DataError
from keras_astro.tasks.base import Parts
from keras_astro.training.train import make_parts, make_split, row_facts
from keras_astro.tuning.blind import Withheld, blind

WITHHELD = ("is_anomaly", "subhalo_mass_fraction")


@pytest.fixture
def parts(source, config):
    ids, groups, anomalous = row_facts(source)
    split = make_split(groups, anomalous, config.data, seed=config.seed, ids=ids)
    return make_parts(source, split)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_withheld_targets_are_gone(parts, part):
    seen = getattr(blind(parts, WITHHELD), part)
    given = getattr(parts, part)
    assert len(seen) == len(given)
    for sample in (seen.read(), seen.take([0, 1]), *seen.blocks(7)):
        assert set(sample.targets) == {"theta_E_arcsec"}
    np.testing.assert_array_equal(
        seen.read().inputs["image"], given.read().inputs["image"]
    )
    np.testing.assert_array_equal(seen.facts()["id"], given.facts()["id"])
    assert not seen.facts()["is_anomaly"].any()


@pytest.mark.parametrize("part", ["calibration", "test"])
def test_rows_kept_for_the_verdict_cannot_be_read(parts, part):
    kept = getattr(blind(parts, WITHHELD), part)
    assert len(kept) == len(getattr(parts, part)) > 0
    reads = (
        kept.read,
        kept.facts,
        lambda: kept.take([0]),
        lambda: kept.read(0, 1),
        lambda: next(kept.blocks(4)),
    )
    for read in reads:
        with pytest.raises(DataError, match=f"asked for {part} rows"):
            read()


def test_no_trial_meets_an_anomaly_or_its_label(tmp_path):
    task = FakeTask(fits=False)
    run_search(tmp_path / "a", task=task)
    assert task.seen
    for sample in task.seen:
        assert not set(WITHHELD) & {*sample.targets, *sample.inputs, *sample.meta}
        for array in (*sample.inputs.values(), *sample.targets.values()):
            assert np.abs(array).max() < ANOMALOUS_PIXEL / 2
    assert isinstance(task.parts[0].test, Withheld)


def test_the_anomalies_are_all_among_the_rows_kept_back(parts):
    anomalous = [getattr(parts, p).facts()["is_anomaly"] for p in Parts.__annotations__]
    assert [int(part.sum()) for part in anomalous] == [0, 0, 0, ANOMALIES]
    assert sum(map(len, anomalous)) == NORMAL + ANOMALIES
    # Without this the search above would prove nothing.
    assert parts.test.read().inputs["image"].max() > ANOMALOUS_PIXEL / 2


def test_trial_that_reads_kept_rows_fails_with_the_reason(tmp_path):
    class Peeking(FakeTask):
        def objective(self, config, prepared, models):
            if self.trials == 2:
                self.parts[0].test.read()
            return super().objective(config, prepared, models)

    result = run_search(tmp_path / "a", task=Peeking(fits=False), trials=3)
    assert [r.status for r in result.records] == ["completed", "failed", "completed"]
    assert "asked for test rows" in result.records[1].reason


def test_preparation_is_shared_and_search_overrides_hold(tmp_path):
    configs = []

    class Recording(FakeTask):
        def objective(self, config, prepared, models):
            configs.append(config)
            return super().objective(config, prepared, models)

    task = Recording(fits=False)
    result = run_search(tmp_path / "a", task=task)
    assert len(configs) == 5
    assert len(task.parts) == 1
    assert not any(config.physics.enabled for config in configs)
    assert result.best_config.physics.enabled
    assert SPACE.during_search == {"physics.enabled": False}
