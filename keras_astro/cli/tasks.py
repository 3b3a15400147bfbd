"""kastro tasks."""

import click

from keras_astro.cli.options import json_option
from keras_astro.cli.output import answer


@click.command()
@json_option
def tasks(as_json):
    """List the science cases, one line each."""
    from keras_astro.tasks.catalog import CATALOG

    found = [
        {"name": e.name, "title": e.title, "summary": e.summary}
        for e in CATALOG.values()
    ]
    lines = [f"{e['name']:<10} {e['title']}: {e['summary']}" for e in found]
    answer({"tasks": found}, "\n".join(lines), as_json=as_json)
