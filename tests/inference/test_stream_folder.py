"""A folder of packets that fills while it is read: what is remembered, and when."""

import contextlib
import os
import time
from pathlib import Path

import pytest

from keras_astro.errors import UsageError
from keras_astro.inference.stream_folder import (
    LEAST_PAUSE,
    MOST_PAUSE,
    FolderSource,
    journal,
)


@contextlib.contextmanager
def opened(folder, state, **options):
    done = journal(state, folder)
    with contextlib.closing(FolderSource(folder, done, **options)) as source:
        yield source


def taken(source):
    """Everything that is there, as names; not confirmed."""
    found = []
    while packets := source.poll(100, 2 * MOST_PAUSE):
        found += packets
    return found


def names(packets):
    return [packet.name for packet in packets]


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for number in range(6):
        (place / f"{number}.avro").write_bytes(b"packet")
    return place


def test_names_are_forgotten_with_their_files(folder, tmp_path):
    with opened(folder, tmp_path, follow=True) as source:
        source.confirm(taken(source))
        assert len(source.done.names) == 6
        for number in range(5):
            (folder / f"{number}.avro").unlink()
        assert taken(source) == []
        assert source.done.names == {"5.avro"}
        (folder / "0.avro").write_bytes(b"another of that name")
        assert names(taken(source)) == ["0.avro"]
    # The new one was not confirmed: it comes again, whatever its name was before.
    with opened(folder, tmp_path) as source:
        assert names(taken(source)) == ["0.avro"]
    assert journal(tmp_path, folder).read_text() == "5.avro\n"


def test_sources_of_one_sink_do_not_forget_one_another(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("0.avro", "9.avro"):
        (other / name).write_bytes(b"packet")
    # A name of the first source is a new packet in the second.
    for source, count in ((folder, 6), (other, 2), (folder, 0), (other, 0)):
        with opened(source, tmp_path) as packets:
            found = taken(packets)
            packets.confirm(found)
        assert len(found) == count
    away = tmp_path / "link"
    away.symlink_to(folder)
    assert journal(tmp_path, away) == journal(tmp_path, folder)


def test_a_journal_of_all_sources_is_that_of_the_last(folder, tmp_path):
    shared = tmp_path / "done.txt"
    shared.write_text("0.avro\n4.avro\n4.avro gone\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "9.avro").write_bytes(b"packet")
    with opened(other, tmp_path) as source:
        assert names(taken(source)) == ["9.avro"]
    assert shared.exists()
    with opened(folder, tmp_path) as source:
        assert names(taken(source)) == [f"{n}.avro" for n in range(1, 6)]
    assert not shared.exists()


def test_a_file_that_goes_before_it_is_confirmed_may_come_again(folder, tmp_path):
    with opened(folder, tmp_path, follow=True) as source:
        packets = taken(source)
        (folder / "0.avro").unlink()
        assert taken(source) == []
        source.confirm(packets)
        assert taken(source) == []
        (folder / "0.avro").write_bytes(b"another")
    with opened(folder, tmp_path) as source:
        assert names(taken(source)) == ["0.avro"]


def test_a_disk_that_is_gone_for_a_while_is_not_done_again(folder, tmp_path):
    with opened(folder, tmp_path, follow=True) as source:
        source.confirm(taken(source))
        folder.rename(tmp_path / "away")
        folder.mkdir()
        assert taken(source) == []
    with opened(folder, tmp_path) as source:
        assert taken(source) == []
    folder.rmdir()
    (tmp_path / "away").rename(folder)
    with opened(folder, tmp_path) as source:
        assert taken(source) == []


def test_files_are_moved_when_they_are_confirmed(folder, tmp_path):
    move_to = tmp_path / "night" / "done"
    with opened(folder, tmp_path, follow=True, move_to=move_to) as source:
        packets = taken(source)
        assert len(packets) == len(list(folder.iterdir())) == 6
        (folder / "5.avro").unlink()
        source.confirm(packets[:2] + packets[5:])
        assert not source.done.names
        assert source.held == {"2.avro", "3.avro", "4.avro"}
        assert taken(source) == []
    assert {path.name for path in move_to.iterdir()} == {"0.avro", "1.avro"}
    # What was read and not confirmed is still there for the next.
    with opened(folder, tmp_path, move_to=move_to) as source:
        assert names(taken(source)) == ["2.avro", "3.avro", "4.avro"]


def test_an_idle_folder_is_looked_into_less_and_less(folder, tmp_path, monkeypatch):
    looks = []
    listed = FolderSource._listed

    def counted(self):
        looks.append(time.monotonic())
        return listed(self)

    monkeypatch.setattr(FolderSource, "_listed", counted)
    with opened(folder, tmp_path, follow=True) as source:
        source.confirm(source.poll(6, 1.0))
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            assert source.poll(6, LEAST_PAUSE) == []
        # Pauses of 20, 40, 80, 160, 200, ... ms.
        assert len(looks) <= 12
        (folder / "late.avro").write_bytes(b"packet")
        start = time.monotonic()
        while not (found := source.poll(1, LEAST_PAUSE)):
            assert time.monotonic() - start < 5
        assert names(found) == ["late.avro"]
        # Something came: the next look is near again.
        assert source._next_look - looks[-1] < MOST_PAUSE


def test_moves_that_would_be_none_are_refused(folder, tmp_path, refused):
    file = folder / "0.avro"
    with refused(UsageError, "come from"), opened(folder, tmp_path, move_to=folder):
        pass
    with refused(UsageError, "0.avro"), opened(file, tmp_path, move_to=tmp_path):
        pass


@pytest.mark.skipif(
    not os.access("/dev/shm", os.W_OK), reason="no second disk of memory to move to"
)
def test_a_move_to_another_disk_is_refused(folder, tmp_path, refused):
    far = Path("/dev/shm")
    if far.stat().st_dev == folder.stat().st_dev:
        pytest.skip("both are on one disk")
    with refused(UsageError, "another disk"), opened(folder, tmp_path, move_to=far):
        pass
