"""Prepared features shared by the trials that preprocess alike."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_astro.config import RunConfig

# Settings of the model and of its fit; everything else may change the features.
INDEPENDENT = ("model", "objective", "train", "tune")


def prepared_key(config: RunConfig, settings: Sequence[str] = ()) -> str:
    """Hash of the settings that prepared features may depend on.

    Args:
        config: Of a trial.
        settings: What a task's features depend on besides, as `model.metadata`.
    """
    values = config.model_dump(mode="json", exclude=set(INDEPENDENT))
    for name in settings:
        section, key = name.split(".")
        values[name] = getattr(getattr(config, section), key)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


class PreparedCache:
    """The features last used, as many as fit into the memory allowed.

    Args:
        prepare: Computes the features of a configuration.
        limit_bytes: Array bytes to keep; the newest entry is always kept.
        settings: See `prepared_key`.

    Example:
        >>> calls = []
        >>> cache = PreparedCache(lambda config: calls.append(config), limit_bytes=0)
        >>> one = RunConfig(task="demo")
        >>> cache.get(one), cache.get(one), len(calls)
        (None, None, 1)
    """

    def __init__(
        self,
        prepare: Callable[[RunConfig], Any],
        *,
        limit_bytes: int,
        settings: Sequence[str] = (),
    ):
        self.prepare = prepare
        self.settings = settings
        self.limit_bytes = limit_bytes
        self.entries: OrderedDict[str, Any] = OrderedDict()

    def get(self, config: RunConfig) -> Any:
        """The features of a configuration, computed unless they are at hand."""
        key = prepared_key(config, self.settings)
        if key not in self.entries:
            self.entries[key] = self.prepare(config)
        self.entries.move_to_end(key)
        while len(self.entries) > 1 and self.bytes > self.limit_bytes:
            self.entries.popitem(last=False)
        return self.entries[key]

    @property
    def bytes(self) -> int:
        """Bytes of the arrays held."""
        return sum(map(array_bytes, self.entries.values()))


def array_bytes(content: Any) -> int:
    """Bytes of the arrays in an object's attributes, mappings and sequences."""
    if hasattr(content, "nbytes"):
        return int(content.nbytes)
    if isinstance(content, Mapping):
        return sum(map(array_bytes, content.values()))
    if isinstance(content, list | tuple):
        return sum(map(array_bytes, content))
    # Layers and sources are objects with attributes too, but not of the features.
    if hasattr(content, "__dataclass_fields__"):
        return sum(map(array_bytes, vars(content).values()))
    return 0
