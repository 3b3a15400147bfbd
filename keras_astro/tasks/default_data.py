"""The rows of a run: the user's files, or the task's simulated default set."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from keras_astro.config import RunConfig
from keras_astro.data.cache import cached_store
from keras_astro.data.readers import open_many
from keras_astro.data.sample import Sample, Source
from keras_astro.tasks.base import Task

# The default set is one and the same for all runs, so that runs can be compared.
DATA_SEED = 20_000


def open_rows(
    task: Task,
    config: RunConfig,
    *,
    story: Callable[[str], None],
    progress: Callable[[int, int], None] | None = None,
) -> Source:
    """Opens `data.paths`, or simulates the default set once into the user's cache.

    Args:
        task: The science case.
        config: Its settings.
        story: Told in one sentence when rows are simulated or found in the cache.
        progress: Called with done and total rows while simulating.
    """
    if config.data.paths:
        return open_many(config.data.paths, task.schema)
    rows = config.data.simulated_rows
    settings = {
        "rows": rows,
        "simulation": config.model_dump(mode="json").get("simulation"),
    }

    def make() -> Iterator[Sample]:
        story(
            f"no --data given: simulating {rows} {task.name} rows (once, then cached)"
        )
        done = 0
        for block in task.simulate(config, rows, seed=DATA_SEED):
            yield block
            done += len(block)
            if progress:
                progress(done, rows)

    path, made = cached_store(task.name, settings, seed=DATA_SEED, make=make)
    if not made:
        story(f"no --data given: using the simulated set {path}")
    return open_many([path], task.schema)
