"""kastro simulate."""

from pathlib import Path

import click

from keras_astro.cli.options import json_option, overwrite_option, resolve, set_option
from keras_astro.cli.output import RowProgress, answer, load_tensorflow


@click.command()
@click.argument("task")
@click.option("-n", "rows", type=click.IntRange(1), required=True, help="Rows to make.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Store (.h5).",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes; the rows do not depend on it.",
)
@set_option
@overwrite_option
@json_option
def simulate(task, rows, output, seed, jobs, overrides, overwrite, as_json):
    """Simulate ROWS of TASK with known truth into a store.

    Example: kastro simulate lensing -n 1000 -o lenses.h5 --seed 1
    """
    from keras_astro.data.store import write_store
    from keras_astro.tasks.catalog import get_task

    config = resolve(task, overrides)
    load_tensorflow()
    simulator = get_task(config.task)
    progress = RowProgress("simulating")

    def blocks():
        done = 0
        for block in simulator.simulate(config, rows, seed=seed, jobs=jobs):
            yield block
            done += len(block)
            progress(done, rows)

    written = write_store(
        output,
        blocks(),
        generator=f"simulate.{config.task}",
        config=config.model_dump(mode="json").get("simulation", {}),
        seed=seed,
        overwrite=overwrite,
    )
    answer(
        {"path": str(output), "rows": written, "seed": seed},
        f"{output}: {written} rows",
        as_json=as_json,
    )
