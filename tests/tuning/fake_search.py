"""Searches of the fake case, and what stands for a kill of them."""

import csv

from fake_case import SPACE, FakeTask, make_config, make_source

from keras_astro.tuning.search import search


class Killed(BaseException):
    """Stands for a kill: no handler of errors catches it."""


def killer(kind, trial, epoch=0):
    """A progress function that ends the search at an event."""

    def progress(event):
        if (event.kind, event.trial, event.epoch) == (kind, trial, epoch):
            raise Killed

    return progress


def outcome(records):
    """What must not depend on kills: all but the seconds."""
    return [
        (r.number, r.status, r.values, r.objective, r.metrics, r.epochs, r.parent)
        for r in records
    ]


def run_search(folder, *overrides, task=None, **options):
    """A search of the fake case, without fits unless a task is given."""
    options.setdefault("over", SPACE)
    task = task or FakeTask(fits=False)
    return search(task, make_source(), folder, make_config(*overrides), **options)


def whole_search(folder, oracle, **options):
    """Five trials of an oracle; hyperband has fits, so that epochs make a difference.

    Under hyperband the first four train for 5 epochs and the last, which has the
    settings of the best of them, for 15.
    """
    task = FakeTask(fits=oracle == "hyperband")
    return run_search(folder, "tune.epochs=15", task=task, oracle=oracle, **options)


def rows_of(folder):
    """The rows of a leaderboard, as text."""
    with (folder / "leaderboard.csv").open(newline="") as file:
        return list(csv.DictReader(file))
