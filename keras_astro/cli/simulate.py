"""kastro simulate."""

from pathlib import Path

import click

from keras_astro.cli.options import (
    jobs_option,
    json_option,
    overwrite_option,
    resolve,
    resume_option,
    scheduler_option,
    set_option,
    workplace,
)
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
@jobs_option
@scheduler_option
@set_option
@resume_option
@overwrite_option
@json_option
def simulate(
    task, rows, output, seed, jobs, scheduler, overrides, resume, overwrite, as_json
):
    """Simulate ROWS of TASK with known truth into a store.

    Blocks are kept beside it until it is complete: after an interruption or a kill,
    the same command with --resume goes on, and the store is the same.

    Example: kastro simulate lensing -n 1000 -o lenses.h5 --seed 1
    """
    from keras_astro.data.parts import Parts
    from keras_astro.data.store import refuse_existing, write_store
    from keras_astro.tasks.catalog import get_task

    refuse_existing(output, overwrite=overwrite)
    config = resolve(task, overrides)
    load_tensorflow()
    simulator = get_task(config.task)
    settings = config.model_dump(mode="json").get("simulation", {})
    facts = {"task": config.task, "rows": rows, "seed": seed, "settings": settings}
    parts = Parts(output, facts, simulator.schema, resume=resume)
    progress = RowProgress("simulating")

    def blocks(place):
        done = 0
        options = {"seed": seed, "jobs": place, "skip": parts.done}
        for block in parts.kept(simulator.simulate(config, rows, **options)):
            yield block
            done += len(block)
            progress(done, rows)

    with parts, workplace(jobs, scheduler) as place:
        written = write_store(
            output,
            blocks(place),
            generator=f"simulate.{config.task}",
            config=settings,
            seed=seed,
            overwrite=overwrite,
            partial=parts.folder / "store.partial",
        )
    answer(
        {"path": str(output), "rows": written, "seed": seed},
        f"{output}: {written} rows",
        as_json=as_json,
    )
