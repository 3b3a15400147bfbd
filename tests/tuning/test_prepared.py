"""Which trials share features."""

import pytest

from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tuning.prepared import PreparedCache


@pytest.mark.parametrize(
    ("word", "computed"),
    [
        ("model.dropout=0.1", 1),
        ("objective.forest=0", 1),
        ("model.measures=false", 2),
        ("model.metadata=true", 2),
        ("model.mode=frozen", 2),
        ("model.sequence=gru", 2),
        ("preprocessing.pixels=33", 2),
    ],
)
def test_alerts_share_features_that_do_not_depend_on_what_differs(word, computed):
    asked = []
    cache = PreparedCache(
        asked.append, limit_bytes=0, settings=get_task("alerts").prepared_settings
    )
    for words in ([], [word]):
        cache.get(load_config("alerts", words))
    assert len(asked) == computed
