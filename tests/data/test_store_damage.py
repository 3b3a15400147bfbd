import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from keras_astro.data import store as store_module
from keras_astro.data.readers import open_source
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import StoreSource, write_store
from keras_astro.errors import DataError

FACTS = {"generator": "test", "config": {}, "seed": 0}


def test_absent_and_empty_files_are_refused(tmp_path, refused):
    with refused(DataError, tmp_path / "a.h5", "no such file") as caught:
        StoreSource(tmp_path / "a.h5", LENSING)
    assert caught.value.exit_code == 4
    (tmp_path / "empty.h5").touch()
    for opens in (StoreSource, open_source):
        with refused(DataError, tmp_path / "empty.h5", "expected", "found"):
            opens(tmp_path / "empty.h5", LENSING)


def test_text_named_h5_is_refused(tmp_path, refused):
    (tmp_path / "a.h5").write_text("id,flux\n1,2\n")
    with refused(DataError, tmp_path / "a.h5", "expected an HDF5 file", "not HDF5"):
        open_source(tmp_path / "a.h5", LENSING)


@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_truncated_store_is_refused(store, refused, part):
    os.truncate(store, int(store.stat().st_size * part))
    with refused(DataError, store, "damaged or truncated", hint="write it again"):
        open_source(store, LENSING)


def test_foreign_hdf5_is_refused(tmp_path, refused):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["spectra/flux"] = np.ones(4)
    with refused(
        DataError, path, "expected a store", "foreign", "spectra", hint="convert"
    ):
        open_source(path, LENSING)


def test_store_of_another_task_or_version_is_refused(store, refused):
    with h5py.File(store, "a") as file:
        file.attrs["schema_version"] = 99
    with refused(DataError, store, "expected store version 1", "found 99"):
        open_source(store, LENSING)
    with h5py.File(store, "a") as file:
        file.attrs["task"] = "spectra"
    with refused(DataError, store, "lensing task", "store of spectra"):
        open_source(store, LENSING)


def test_store_without_its_input_is_refused(store, refused):
    with h5py.File(store, "a") as file:
        del file["inputs/image"]
    with refused(DataError, store, "expected", "inputs/image", "found"):
        open_source(store, LENSING)


def test_store_with_unequal_rows_is_refused(store, refused):
    with h5py.File(store, "a") as file:
        file["targets/is_anomaly"].resize(60, axis=0)
    with refused(DataError, store, "row counts", "60"):
        open_source(store, LENSING)


@pytest.mark.parametrize("part", [b"TREE", b"HEAP", b"SNOD"])
def test_store_damaged_inside_is_refused(store, refused, part):
    whole = store.read_bytes()
    assert part in whole
    store.write_bytes(whole.replace(part, b"XXXX"))
    with refused(DataError, store, "expected", "found", hint="again"):
        open_source(store, LENSING).read()


def test_store_truncated_while_open_is_refused(store, refused):
    source = StoreSource(store, LENSING)
    os.truncate(store, 3000)
    with refused(DataError, store, hint="again"):
        source.read()


def test_killed_writer_leaves_no_store(tmp_path):
    path = tmp_path / "out" / "a.h5"
    script = f"""
import itertools, numpy as np
from keras_astro.data.sample import Sample
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import write_store
block = Sample(LENSING, {{"image": np.ones((64, 32, 32, 1), "float32")}})
write_store({str(path)!r}, itertools.repeat(block), generator="t", config={{}}, seed=0)
"""
    writer = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if any(p.stat().st_size > 500_000 for p in path.parent.glob(".*.partial")):
                break
            time.sleep(0.01)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    left = list(path.parent.iterdir())
    assert [p.suffix for p in left] == [".partial"]
    assert not path.exists()
    with pytest.raises(DataError, match=r"expected images \(.*found none"):
        open_source(path.parent, LENSING)
    with pytest.raises(DataError):
        open_source(left[0], LENSING)


def test_write_goes_on_where_a_killed_one_stopped(tmp_path, make_sample):
    (tmp_path / ".a.h5.999999.partial").write_bytes(b"half")
    assert write_store(tmp_path / "a.h5", [make_sample(4)], **FACTS) == 4
    assert len(StoreSource(tmp_path / "a.h5", LENSING)) == 4


def test_interrupted_writer_leaves_nothing(tmp_path, make_sample):
    def blocks():
        yield make_sample(4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(tmp_path / "a.h5", blocks(), **FACTS)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_nothing(tmp_path, make_sample, refused, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module.os, "replace", full)
    with refused(DataError, tmp_path / "a.h5", "No space left", hint="Free disk"):
        write_store(tmp_path / "a.h5", [make_sample(4)], **FACTS)
    assert list(tmp_path.iterdir()) == []


def test_disk_that_refuses_in_hdf5_leaves_nothing(tmp_path):
    script = f"""
import resource
import numpy as np
from keras_astro.data.sample import Sample
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import write_store
from keras_astro.errors import DataError
rows = [Sample(LENSING, {{"image": np.ones((500, 12, 12, 1), "float32")}})]
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    write_store({str(tmp_path / "a.h5")!r}, rows, generator="t", config={{}}, seed=0)
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True)
    message = f"{tmp_path / 'a.h5'}: cannot be written (file too large)\n"
    assert done.stdout.decode().lower() == message.lower()
    assert list(tmp_path.iterdir()) == []


def test_really_full_disk_leaves_nothing(tmp_path, make_sample, refused):
    disk = tmp_path / "disk"
    disk.mkdir()
    if not shutil.which("mount"):
        pytest.skip("there is no mount command to make a small disk with")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk may not be mounted here")
    try:
        with refused(DataError, disk / "a.h5", "No space left", hint="Free disk"):
            write_store(disk / "a.h5", [make_sample(500)], **FACTS)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
