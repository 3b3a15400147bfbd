"""Errors that teach: each carries an exit code and, where there is one, the next step.

Messages say what was expected, what was received and where; the hint says what to do.
"""

from __future__ import annotations


class KastroError(Exception):
    """Base of all errors a user can cause or mend.

    Args:
        message: What was expected, what was received, and where.
        hint: The next step, one sentence.

    Example:
        >>> error = DataError("a.fits: expected 3 bands, found 1", hint="Select bands.")
        >>> error.exit_code, error.hint
        (4, 'Select bands.')
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None):
        super().__init__(message)
        self.hint = hint


class UsageError(KastroError):
    """The command line asks for something that does not exist or contradicts itself."""

    exit_code = 2


class ConfigError(KastroError):
    """A setting is unknown, of the wrong type or out of range."""

    exit_code = 3


class MissingExtraError(ConfigError):
    """A verb needs an optional part of the package that is not installed."""


class DataError(KastroError):
    """A data file is absent, damaged, foreign or holds impossible values."""

    exit_code = 4


class ArtefactError(KastroError):
    """A run folder, model or exported artefact is absent, damaged or incompatible."""

    exit_code = 5


class VerificationError(KastroError):
    """An exported artefact does not reproduce the model it came from."""

    exit_code = 6


def missing_extra(module: str, *, extra: str, purpose: str) -> MissingExtraError:
    """Builds the error for an optional dependency that is not installed.

    Args:
        module: The module that could not be imported.
        extra: The name of the package extra that installs it.
        purpose: What the user wanted, as the start of the sentence.

    Example:
        >>> str(missing_extra("tensorflow", extra="train", purpose="kastro train"))
        'kastro train needs tensorflow, which is not installed'
    """
    return MissingExtraError(
        f"{purpose} needs {module}, which is not installed",
        hint=f'Install it with: pip install "keras-astro[{extra}]"',
    )
