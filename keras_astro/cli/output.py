"""What people and programs read: answers on stdout, the story on stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

LINES_A_STAGE = 20


def answer(content: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Prints the result once, as text or as one JSON object."""
    click.echo(json.dumps(content, default=str) if as_json else text)


def story(text: str) -> None:
    """Tells on stderr what happens."""
    click.echo(text, err=True)


def load_tensorflow() -> None:
    """Imports TensorFlow without what its libraries say about CPUs and GPUs.

    They write to the process' stderr before any setting of theirs is read, so the
    descriptor itself is turned away for the time of the import.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf
    except ModuleNotFoundError:
        return
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    tf.get_logger().setLevel("ERROR")


def table(rows: list[tuple], header: tuple[str, ...]) -> str:
    """Plain columns, aligned."""
    lines = [tuple(map(str, row)) for row in [header, *rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


class EpochProgress:
    """Progress of training: a bar on a terminal, else some lines a stage."""

    def __init__(self):
        self.bar = None
        self.task = None
        self.stage = None

    def __call__(self, stage: str, epoch: int, epochs: int, losses: dict[str, float]):
        parts = "  ".join(f"{name} {value:.3g}" for name, value in losses.items())
        if sys.stderr.isatty():
            self._draw(stage, epoch, epochs, parts)
        elif epoch in (1, epochs) or epoch % max(1, epochs // LINES_A_STAGE) == 0:
            story(f"{stage}: epoch {epoch}/{epochs}  {parts}")

    def _draw(self, stage, epoch, epochs, parts):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        if stage != self.stage:
            self.close()
            columns = "{task.description}", BarColumn(), "{task.completed}/{task.total}"
            self.bar = Progress(
                *columns,
                TimeRemainingColumn(),
                TextColumn("{task.fields[parts]}"),
                console=Console(stderr=True),
            )
            self.bar.start()
            self.task = self.bar.add_task(stage, total=epochs, parts="")
            self.stage = stage
        self.bar.update(self.task, completed=epoch, parts=parts)

    def close(self):
        """Leaves the terminal as it was."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


class SearchLines:
    """Progress of a search: a line a trial, and its epochs on a terminal."""

    def __call__(self, event):
        record, place = event.record, f"trial {event.trial}/{event.trials}"
        if event.kind == "epoch":
            if sys.stderr.isatty():
                text = f"\r{place}: epoch {event.epoch}/{event.epochs}\x1b[K"
                click.echo(text, nl=False, err=True)
            return
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        if event.kind == "completed":
            best = f"  best {event.best.objective:.4g}" if event.best else ""
            again = f", trial {record.repeated} again" if record.repeated else ""
            story(
                f"{start}{place}: objective {record.objective:.4g}{best}  "
                f"({record.epochs} epochs, {record.seconds:.0f} s{again})"
                f"{', stopped early' if record.status == 'pruned' else ''}"
            )
        elif event.kind == "failed":
            story(f"{start}{place}: failed, {record.reason}")


class RowProgress:
    """Progress over rows: a bar on a terminal, else a line every tenth."""

    def __init__(self, what: str):
        self.what = what
        self.bar = None
        self.told = 0

    def __call__(self, done: int, total: int):
        if sys.stderr.isatty():
            if self.bar is None:
                self.bar = click.progressbar(
                    length=total, label=self.what, file=sys.stderr
                )
                self.bar.__enter__()
            self.bar.update(done - self.bar.pos)
            if done >= total:
                self.bar.__exit__(None, None, None)
        elif done * 10 // total > self.told:
            self.told = done * 10 // total
            story(f"{self.what}: {done}/{total}")
