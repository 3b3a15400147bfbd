"""Where artefacts are put: whole or not at all, and never over what is no artefact."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keras_astro.errors import DataError, UsageError

VERIFICATION = "verification.json"


def refuse_existing(folder: Path, *, overwrite: bool) -> None:
    """Refuses a place that is taken; what is no artefact is never replaced.

    Raises:
        UsageError: If it is.
    """
    if folder.is_file():
        raise UsageError(
            f"{folder} is a file, expected a folder to export to",
            hint="Choose another place with -o.",
        )
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not overwrite:
        raise UsageError(
            f"{folder} exists already",
            hint="Replace it with --overwrite, or choose another place with -o.",
        )
    if not (folder / VERIFICATION).is_file():
        raise UsageError(
            f"{folder} is not an exported artefact and will not be replaced",
            hint="Choose another place with -o.",
        )


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A hidden folder that takes the place of `folder` at the end, or vanishes.

    Raises:
        DataError: If the disk refuses.
    """
    staging = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".export-"))
        # Temporary folders are private, an artefact is served by other users too.
        staging.chmod(folder.parent.stat().st_mode & 0o777)
        yield staging
        place(staging, folder)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror or error})",
            hint="Free disk space or choose another place with -o.",
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def place(staging: Path, folder: Path) -> None:
    """Puts a finished folder in place of an older one."""
    if folder.exists():
        old = folder.with_name(f".old-{folder.name}")
        shutil.rmtree(old, ignore_errors=True)
        folder.replace(old)
        staging.replace(folder)
        shutil.rmtree(old)
    else:
        staging.replace(folder)
