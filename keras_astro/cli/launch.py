"""kastro launch."""

import click

from keras_astro.cli.output import story


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--workers",
    type=click.IntRange(2),
    required=True,
    help="Processes on this machine that share each batch.",
)
@click.option(
    "--retries",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="How often all are started again when one dies.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- train ...")
def launch(workers, retries, words):
    """Train with several processes of this machine, through the death of any.

    Example: kastro launch --workers 2 -- train cgm --data quasars.h5 -o runs/two
    """
    from keras_astro.training.launch import launch as run

    run(_checked(list(words)), workers=workers, retries=retries, story=story)


def _checked(words):
    """The words with the strategy that several workers need."""
    from keras_astro.errors import UsageError

    if not words or words[0] != "train":
        found = words[0] if words else "nothing"
        raise UsageError(
            f"kastro launch: expected the verb train, found {found}",
            hint="As in: kastro launch --workers 2 -- train cgm -o runs/two",
        )
    given = _strategy(words)
    if given not in (None, "multiworker"):
        raise UsageError(
            f"--strategy {given}: workers that are launched train with multiworker",
            hint=f"Leave it out, or call kastro train --strategy {given}.",
        )
    return words if given else [*words, "--strategy", "multiworker"]


def _strategy(words):
    for word, after in zip(words, [*words[1:], None], strict=True):
        if word == "--strategy":
            return after
        if word.startswith("--strategy="):
            return word.partition("=")[2]
    return None
