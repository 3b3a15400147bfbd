"""Simulated default sets in the user's cache: made once, reused after."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from keras_astro import __version__
from keras_astro.data.sample import Sample
from keras_astro.data.store import write_store


def cache_folder() -> Path:
    """Where default sets are kept; the variable KASTRO_CACHE overrides it."""
    chosen = os.environ.get("KASTRO_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("keras-astro"))


def cached_store(
    task: str,
    config: Mapping[str, Any],
    *,
    seed: int,
    make: Callable[[], Iterable[Sample]],
) -> tuple[Path, bool]:
    """The store of these settings, made on first use.

    Args:
        task: Name of the task.
        config: All settings that decide the rows.
        seed: Seed of the rows.
        make: Yields the rows when there is no store yet.

    Returns:
        The file and whether it was made now.
    """
    facts = {"task": task, "config": config, "seed": seed, "version": __version__}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    path = cache_folder() / f"{task}-{digest[:16]}.h5"
    if path.is_file():
        return path, False
    write_store(
        path,
        make(),
        generator=f"simulate.{task}",
        config=config,
        seed=seed,
        overwrite=True,
    )
    return path, True
