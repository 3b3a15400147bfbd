"""Where a stream's packets come from; each is confirmed once its row is on disk."""

from __future__ import annotations

import abc
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_astro.data.readers.alerts import SUFFIXES
from keras_astro.errors import DataError
from keras_astro.inference.stream_sink import whole_lines

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Packet:
    """The bytes of one message, and what to call it.

    Args:
        name: Unique in its source.
        data: Avro in any framing.
    """

    name: str
    data: bytes


class PacketSource(abc.ABC):
    """Packets in order; what is confirmed does not come again."""

    @abc.abstractmethod
    def poll(self, count: int, seconds: float) -> list[Packet]:
        """Up to `count` packets, after at most `seconds`; fewer where no more came."""

    @property
    @abc.abstractmethod
    def exhausted(self) -> bool:
        """Whether no further packet can come."""

    @abc.abstractmethod
    def confirm(self, packets: Sequence[Packet]) -> None:
        """Remembers, beyond a crash, that packets are dealt with."""

    @abc.abstractmethod
    def close(self) -> None:
        """Gives back what is held."""


class FolderSource(PacketSource):
    """Packet files of a folder, or one file; remembers the names that are done.

    A file is taken when it is complete: whoever writes packets into the folder renames
    them into place.

    Args:
        path: Folder of `.avro` files, or one of them.
        done: File with a name a line of what was dealt with before.
        follow: Whether to wait for further files.

    Raises:
        DataError: If the path does not exist.
    """

    def __init__(self, path: Path, done: Path, *, follow: bool = False):
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        self.path = path
        self.follow = follow
        self.done = done
        self._journal = whole_lines(done)
        self.seen = set(done.read_text().splitlines())
        self._waiting = self._listed()
        self._over = False

    @property
    def exhausted(self):
        return self._over

    def poll(self, count, seconds):
        deadline = time.monotonic() + seconds
        found: list[Packet] = []
        while len(found) < count:
            name = next(self._waiting, None)
            if name is not None:
                found.append(self._read(name))
                continue
            if not self.follow:
                self._over = True
                break
            left = deadline - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(POLL_SECONDS, left))
            self._waiting = self._listed()
        return found

    def confirm(self, packets):
        self._journal.writelines(f"{packet.name}\n" for packet in packets)
        self._journal.flush()
        os.fsync(self._journal.fileno())

    def close(self):
        self._journal.close()

    def _read(self, name: str) -> Packet:
        self.seen.add(name)
        file = self.path / name if self.path.is_dir() else self.path
        try:
            return Packet(name, file.read_bytes())
        except OSError:
            # An unreadable file is no packet, and is rejected as such.
            return Packet(name, b"")

    def _listed(self) -> Iterator[str]:
        """Names not seen yet, in order."""
        if not self.path.is_dir():
            return iter([self.path.name] if self.path.name not in self.seen else [])
        with os.scandir(self.path) as entries:
            names = sorted(e.name for e in entries if e.name.endswith(SUFFIXES))
        return iter([name for name in names if name not in self.seen])
