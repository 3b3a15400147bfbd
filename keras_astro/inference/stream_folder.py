"""Packets as files of a folder, which may go on filling."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from keras_astro.data.readers.alerts import SUFFIXES
from keras_astro.errors import DataError, UsageError
from keras_astro.inference.stream_sink import whole_lines
from keras_astro.inference.stream_source import Packet, PacketSource

# Between two looks into a folder: at once after something came, later and later while
# nothing does.
LEAST_PAUSE, MOST_PAUSE = 0.01, 0.2
# A look into a folder of many files takes its time; it is given a fifth of it.
PAUSE_OVER_LOOK = 4.0


# Behind the name of a file that is no longer there; no packet's name ends so.
GONE = " gone"


def journal(folder: Path, source: Path) -> Path:
    """The file of a folder that remembers what of a source is done.

    Each source has its own, named after its resolved path, so that the names of one
    are not taken for those of another, nor forgotten when another one is read.

    Args:
        folder: Where it is kept.
        source: Folder of packets, or one file.
    """
    resolved = os.fsencode(source.resolve())
    path = folder / f"done-{hashlib.sha256(resolved).hexdigest()[:8]}.txt"
    # There was one for all sources: it is the last one's, whose files it names.
    shared = folder / "done.txt"
    if shared.is_file() and not path.exists():
        if not set(shared.read_text().splitlines()).isdisjoint(_listed(source)):
            shared.replace(path)
    return path


class DoneNames:
    """Names of packets that are dealt with, in a file that survives a crash.

    A name is kept as long as its file is there.

    Args:
        path: Text, a name a line; a name with ` gone` behind it is none any more.
        present: Names of the files that are there.
    """

    def __init__(self, path: Path, present: Collection[str]):
        whole_lines(path).close()
        self.names: set[str] = set()
        lines = 0
        with path.open() as file:
            for line in file:
                lines += 1
                name = line.removesuffix("\n")
                if name.endswith(GONE):
                    self.names.discard(name.removesuffix(GONE))
                else:
                    self.names.add(name)
        kept = self.names.intersection(present)
        # A folder that is empty at once may be a disk that is gone for a while.
        if present and len(kept) < lines:
            self.names = kept
            staged = path.with_name(f".{path.name}.part")
            with staged.open("w") as file:
                _written(file, sorted(kept))
            staged.replace(path)
        self._file = path.open("a")

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def add(self, names: Collection[str]) -> None:
        """Remembers names; they are on the disk when it returns."""
        _written(self._file, names)
        self.names.update(names)

    def forget_all_but(self, present: Collection[str]) -> None:
        """Forgets names whose files are gone, on the disk first."""
        absent = self.names.difference(present) if present else set()
        if absent:
            _written(self._file, [f"{name}{GONE}" for name in absent])
            self.names -= absent

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _written(file, lines: Iterable[str]) -> None:
    file.writelines(f"{line}\n" for line in lines)
    file.flush()
    os.fsync(file.fileno())


class FolderSource(PacketSource):
    """Packet files of a folder, or one file; remembers which of them are done.

    A file is taken when it is complete: whoever writes packets into the folder renames
    them into place.

    What is done is a name in the file `done`, and in memory as long as its file is in
    the folder; a name that comes again after its file was removed is a new packet. With
    `move_to`, files go to that folder instead when they are dealt with, so that neither
    names nor looks into the folder grow with the night.

    Args:
        path: Folder of `.avro` files, or one of them.
        done: File with a name a line of what was dealt with before, of this source
            alone; see `journal`.
        follow: Whether to wait for further files.
        move_to: Folder for files that are dealt with, on the same disk; made where it
            is absent. A file of the same name there is replaced.

    Raises:
        DataError: If the path does not exist.
        UsageError: If files cannot be moved from the one place to the other.
    """

    def __init__(
        self,
        path: Path,
        done: Path,
        *,
        follow: bool = False,
        move_to: Path | None = None,
    ):
        if not path.exists():
            raise DataError(
                f"{path}: no such file or folder", hint="Check the path of --source."
            )
        self.path = path
        self.follow = follow
        self.move_to = move_to
        if move_to is not None:
            _check_move(path, move_to)
        self.done = DoneNames(done, self._listed())
        # Read, and not confirmed yet.
        self.held: set[str] = set()
        self._over = False
        self._pause = LEAST_PAUSE
        self._waiting = self._look()

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
            now = time.monotonic()
            if now >= deadline:
                break
            if now < self._next_look:
                time.sleep(min(self._next_look, deadline) - now)
            else:
                self._waiting = self._look()
        return found

    def confirm(self, packets):
        names = [packet.name for packet in packets]
        if self.move_to is None:
            self.done.add(names)
        else:
            for name in names:
                self._move(name)
        self.held.difference_update(names)

    def close(self):
        self.done.close()

    def _move(self, name: str) -> None:
        try:
            # Somebody else may have removed it; it is dealt with all the same.
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.path / name, self.move_to / name)
        except OSError as error:
            raise DataError(
                f"{self.path / name}: cannot be moved to {self.move_to} "
                f"({error.strerror or error})",
                hint="Make room there, or free the name, and start again: it goes on.",
            ) from error

    def _read(self, name: str) -> Packet:
        self.held.add(name)
        file = self.path / name if self.path.is_dir() else self.path
        try:
            return Packet(name, file.read_bytes())
        except OSError:
            # An unreadable file is no packet, and is rejected as such.
            return Packet(name, b"")

    def _look(self) -> Iterator[str]:
        """Names not seen yet, in order; says when to look again."""
        start = time.monotonic()
        names = self._listed()
        self.done.forget_all_but(names)
        fresh = sorted(n for n in names if n not in self.held and n not in self.done)
        end = time.monotonic()
        self._pause = LEAST_PAUSE if fresh else min(2 * self._pause, MOST_PAUSE)
        self._next_look = end + max(self._pause, PAUSE_OVER_LOOK * (end - start))
        return iter(fresh)

    def _listed(self) -> list[str]:
        return _listed(self.path)


def _listed(path: Path) -> list[str]:
    """Names of the packets of a folder, or that of a file."""
    if not path.is_dir():
        return [path.name]
    with os.scandir(path) as entries:
        return [e.name for e in entries if e.name.endswith(SUFFIXES)]


def _check_move(path: Path, move_to: Path) -> None:
    """Refuses a move that is none, or would copy."""
    if not path.is_dir():
        raise UsageError(
            f"{path}: expected a folder to move files from, found a file",
            hint="Leave out --move-done, or name the folder of the file as --source.",
        )
    try:
        move_to.mkdir(parents=True, exist_ok=True)
        here, there = path.stat(), move_to.stat()
    except OSError as error:
        raise UsageError(
            f"{move_to}: cannot be made ({error.strerror or error})",
            hint="Name a folder that you may write to with --move-done.",
        ) from error
    if os.path.samefile(path, move_to):
        raise UsageError(
            f"{move_to}: is the folder that packets come from",
            hint="Name another folder with --move-done.",
        )
    if here.st_dev != there.st_dev:
        raise UsageError(
            f"{move_to}: expected a folder on the disk of {path}, found another disk",
            hint="Moving must not copy: a kill would leave half a file.",
        )
