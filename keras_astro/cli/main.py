"""The command `kastro`: verbs are loaded when they are called, not before."""

from __future__ import annotations

import difflib
import errno
import importlib
import json
import os
import shlex
import sys

import click

# Verb: where it is, and its one line of help, kept here so that help loads nothing.
VERBS = {
    "tasks": ("keras_astro.cli.tasks:tasks", "List the science cases."),
    "simulate": (
        "keras_astro.cli.simulate:simulate",
        "Simulate rows with known truth.",
    ),
    "data": ("keras_astro.cli.data:data", "Describe, convert or validate data files."),
    "tune": ("keras_astro.cli.tune:tune", "Find the best settings, then train them."),
    "train": ("keras_astro.cli.train:train", "Train a model."),
    "launch": (
        "keras_astro.cli.launch:launch",
        "Train with several processes.",
    ),
    "finetune": (
        "keras_astro.cli.finetune:finetune",
        "Move a run to observed data without labels.",
    ),
    "evaluate": (
        "keras_astro.cli.evaluate:evaluate",
        "Measure a model; write its report.",
    ),
    "predict": ("keras_astro.cli.predict:predict", "Score files into a table."),
    "stream": (
        "keras_astro.cli.stream:stream",
        "Classify a stream of alert packets.",
    ),
    "export": (
        "keras_astro.cli.export:export",
        "Export a verified SavedModel or TFLite.",
    ),
    "import-h5": (
        "keras_astro.cli.import_h5:import_h5",
        "Convert a network of Keras 2.",
    ),
    "serve": ("keras_astro.cli.serve:serve", "Answer as TF Serving does."),
    "inspect": ("keras_astro.cli.inspect:inspect", "Print a model's card."),
    "runs": ("keras_astro.cli.runs:runs", "List, show or compare runs."),
    "explore": (
        "keras_astro.cli.explore:explore",
        "Serve an interactive page of the cases.",
    ),
    "doctor": ("keras_astro.cli.doctor:doctor", "Check this installation."),
}

INTERRUPTED = 130

# What a disk says when it cannot take or give: the user's to mend, not a defect.
DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENAMETOOLONG,
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx):
        return list(VERBS)

    def get_command(self, ctx, name):
        if name not in VERBS:
            return None
        module, _, attribute = VERBS[name][0].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(self, ctx, args):
        name = args[0]
        if name not in VERBS:
            near = difflib.get_close_matches(name, VERBS, n=1)
            suggestion = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such verb {name!r}.{suggestion}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx, formatter):
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="keras-astro", prog_name="kastro")
def cli():
    """Autoencoders for survey astronomy: simulate, tune, train, verify, export, infer.

    Results go to stdout, the story to stderr; every verb has --json. Exit codes: 0,
    2 usage, 3 settings or missing extra, 4 data, 5 model or artefact, 6 verification
    failed, 130 interrupted.
    """


def main() -> None:
    """Entry point: turns the package's errors into one line and an exit code."""
    # TensorFlow reads this once, when it is first imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.exceptions.Abort:
        _interrupted()
    except KeyboardInterrupt:
        _interrupted()
    except click.ClickException as error:
        if "--json" in sys.argv:
            _as_json(error.format_message(), None, error.exit_code)
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        known = _known(error)
        if known is None:
            raise
        _explain(known)
        sys.exit(known.exit_code)


def _known(error: Exception):
    """The error as one that teaches; None if it is a defect of the package."""
    from keras_astro.errors import DataError, KastroError, missing_extra

    if isinstance(error, KastroError):
        return error
    module = getattr(error, "name", None) or ""
    if isinstance(error, ModuleNotFoundError) and not module.startswith("keras_astro"):
        verb = next((word for word in sys.argv[1:] if word in VERBS), "")
        return missing_extra(module, extra="train", purpose=f"kastro {verb}".strip())
    if isinstance(error, OSError) and error.errno in DISK:
        where = error.filename or "the disk"
        return DataError(
            f"{where}: cannot be read or written ({os.strerror(error.errno)})",
            hint="Free disk space, check permissions or choose another place with -o.",
        )
    return None


def _explain(error) -> None:
    hint = getattr(error, "hint", None)
    if "--json" in sys.argv:
        _as_json(str(error), hint, error.exit_code)
    print(f"kastro: {error}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)


def _as_json(error: str, hint: str | None, exit_code: int) -> None:
    print(json.dumps({"error": error, "hint": hint, "exit_code": exit_code}))


def _interrupted() -> None:
    if "KASTRO_LAUNCHED" in os.environ:
        # Who launched this worker tells how to go on.
        sys.exit(INTERRUPTED)
    words = sys.argv[1:]
    if words and words[0] in ("train", "tune", "finetune"):
        # These have replaced the old run already; tables and stores are at the end.
        words = [word for word in words if word != "--overwrite"]
    print("\nkastro: interrupted; what was finished is kept.", file=sys.stderr)
    if words and words[0] in ("train", "tune", "finetune", "simulate", "predict"):
        resume = shlex.join([*words, *([] if "--resume" in words else ["--resume"])])
        print(f"  Continue with: kastro {resume}", file=sys.stderr)
    sys.exit(INTERRUPTED)
