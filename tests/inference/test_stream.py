"""Streams: in = out + rejected, whatever happens, and nothing twice but a batch."""

import base64
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from streams import Constant, lines

from keras_astro.errors import DataError, UsageError
from keras_astro.inference.stream import AlertStream
from keras_astro.inference.stream_folder import FolderSource
from keras_astro.inference.stream_sink import REJECTED, ROWS, JsonLinesSink


@contextlib.contextmanager
def stream(source, sink, *, follow=False, move_to=None, model=None, **options):
    with (
        contextlib.closing(JsonLinesSink(sink)) as rows,
        contextlib.closing(
            FolderSource(source, sink / "done.txt", follow=follow, move_to=move_to)
        ) as packets,
    ):
        yield AlertStream(model or Constant(), packets, rows, **options)


@pytest.fixture
def night(tmp_path, packets):
    """Twenty packets, three of them bad."""
    folder = tmp_path / "night"
    folder.mkdir()
    for number in range(17):
        data = packets.container(packets.record(candid=100 + number))
        (folder / f"{number:02}.avro").write_bytes(data)
    (folder / "bad1.avro").write_bytes(b"nothing")
    (folder / "bad2.avro").write_bytes(data[:900])
    bad = packets.container(packets.record(cutoutScience=None))
    (folder / "bad3.avro").write_bytes(bad)
    return folder


def test_every_packet_ends_in_one_place(night, tmp_path):
    sink = tmp_path / "rows"
    with stream(night, sink, batch=6) as work:
        account = work.run()
    assert account.balanced
    assert (account.alerts, account.written, account.rejected) == (20, 17, 3)
    rows, rejected = lines(sink / ROWS), lines(sink / REJECTED)
    assert [row["id"] for row in rows] == [str(100 + n) for n in range(17)]
    assert rows[0]["class"] == "AGN"
    assert rows[0]["is_anomaly"] is True
    assert rows[0]["score"] == 2.5
    assert {one["packet"] for one in rejected} == {
        "bad1.avro",
        "bad2.avro",
        "bad3.avro",
    }
    assert base64.b64decode(rejected[0]["bytes"]) == b"nothing"
    assert "cutoutScience" in rejected[2]["reason"]


def test_a_second_run_has_nothing_left_to_do(night, tmp_path):
    sink = tmp_path / "rows"
    for expected in (17, 0):
        with stream(night, sink) as work:
            assert work.run().written == expected
    assert len(lines(sink / ROWS)) == 17


def test_stopping_ends_after_the_batch_in_hand(night, tmp_path):
    sink = tmp_path / "rows"
    with stream(night, sink, batch=4) as work:
        account = work.run(progress=lambda _: work.stop())
    assert account.written == len(lines(sink / ROWS)) == 4
    with stream(night, sink, batch=4) as work:
        assert work.run().balanced
    assert len({row["id"] for row in lines(sink / ROWS)}) == 17


def test_following_takes_what_comes_later(tmp_path, packets):
    folder, sink = tmp_path / "in", tmp_path / "rows"
    folder.mkdir()
    with stream(folder, sink, follow=True) as work:
        thread = threading.Thread(target=work.run)
        thread.start()
        (folder / "part").write_bytes(packets.container())
        (folder / "part").rename(folder / "late.avro")
        end = time.monotonic() + 20
        while not work.account.written and time.monotonic() < end:
            time.sleep(0.02)
        work.stop()
        thread.join()
    assert len(lines(sink / ROWS)) == 1


SLOW = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from streams import Constant
from test_stream import stream
source, sink = map(Path, sys.argv[3:5])
model = Constant(seconds=0.05)
moved = Path(sys.argv[5]) if sys.argv[5:] else None
with stream(source, sink, batch=3, model=model, move_to=moved) as work:
    work.run(progress=lambda account: print(account.written, flush=True))
assert "tensorflow" not in sys.modules
"""


@pytest.mark.parametrize("moves", [False, True])
def test_a_kill_loses_nothing_and_repeats_at_most_a_batch(night, tmp_path, moves):
    sink = tmp_path / "rows"
    folder = Path(__file__).parent
    move_to = tmp_path / "done" if moves else None
    words = [sys.executable, "-c", SLOW, folder.parent, folder, night, sink]
    words += [move_to] if moves else []
    for _ in range(2):
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
    # What a kill in the middle of a line leaves.
    with (sink / ROWS).open("a") as file:
        file.write('{"id": "10')
    with stream(night, sink, batch=3, move_to=move_to) as work:
        assert work.run().balanced
    assert len(list(night.iterdir())) == (0 if moves else 20)
    ids = [row["id"] for row in lines(sink / ROWS)]
    assert set(ids) == {str(100 + n) for n in range(17)}
    assert len(ids) - len(set(ids)) <= 2 * 3
    assert len({one["packet"] for one in lines(sink / REJECTED)}) == 3


def test_stamps_of_another_size_are_rejected(tmp_path, packets):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.avro").write_bytes(packets.container())
    model = Constant()
    model.manifest["signatures"]["predict"]["inputs"]["stamps"]["shape"][1:3] = 30, 30
    with stream(folder, tmp_path / "rows", model=model) as work:
        assert work.run().rejected == 1
    assert "30 pixels, found 63" in lines(tmp_path / "rows" / REJECTED)[0]["reason"]


def test_mistakes_are_told(tmp_path, refused):
    with refused(UsageError, "alerts task", "lensing"):
        AlertStream(Constant(task="lensing"), SimpleNamespace(), SimpleNamespace())
    sink = tmp_path / "rows"
    with refused(DataError, "absent", "no such"), stream(tmp_path / "absent", sink):
        pass
    (tmp_path / "file").write_text("")
    with refused(DataError, "file", hint="--sink"):
        JsonLinesSink(tmp_path / "file")
