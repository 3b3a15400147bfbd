"""Versions found, swapped under load, refused when damaged, rolled back."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from keras_astro.errors import ArtefactError, UsageError
from keras_astro.serving.batching import Batcher, Closed
from keras_astro.serving.refusals import Refusal
from keras_astro.serving.server import Server
from keras_astro.serving.versions import ServedModel, found_versions, models_at


class Doubling:
    """A model that names its version."""

    def __init__(self, path):
        self.number = float(path.parent.name)
        specs = {"inputs": {"x": {"shape": [None, 2], "dtype": "float32"}}}
        self.manifest = {"signatures": {"predict": specs}}

    def run(self, signature, inputs):
        rows = len(inputs["x"])
        return {"y": 2 * inputs["x"], "version": np.full(rows, self.number)}


def put(base, number):
    """A version as a copy leaves it: complete at once."""
    (base / str(number)).mkdir(parents=True)
    (base / str(number) / "a.tflite").write_bytes(b"x")


def test_the_newest_answers_and_its_removal_brings_back_the_elder(tmp_path):
    put(tmp_path, 1)
    put(tmp_path, 2)
    model = ServedModel("m", tmp_path, load=Doubling)
    assert model.refresh()
    assert model.version().number == 2
    put(tmp_path, 10)
    assert model.refresh()
    assert [state for _, state, _ in model.status()] == ["AVAILABLE"]
    assert model.version().number == 10
    with pytest.raises(Refusal, match="Specific"):
        model.version(2)
    shutil.rmtree(tmp_path / "10")
    assert model.refresh()
    assert model.version().number == 2
    assert not model.refresh()
    model.close()


def test_a_version_that_does_not_load_is_left_aside_until_it_changes(tmp_path):
    calls = []

    def load(path):
        calls.append(path.parent.name)
        if path.read_bytes() == b"broken":
            raise ArtefactError(f"{path}: its hash differs")
        return Doubling(path)

    put(tmp_path, 1)
    model = ServedModel("m", tmp_path, load=load)
    model.refresh()
    put(tmp_path, 2)
    (tmp_path / "2" / "a.tflite").write_bytes(b"broken")
    assert not model.refresh()
    assert not model.refresh()
    assert calls == ["1", "2"]
    (number, state, reason), _ = model.status()
    assert (number, state) == (2, "END")
    assert "its hash differs" in reason
    assert model.version().number == 1
    (tmp_path / "2" / "a.tflite").write_bytes(b"mended, longer")
    assert model.refresh()
    assert model.version().number == 2
    model.close()


def test_swaps_under_load_lose_nothing(tmp_path):
    put(tmp_path, 1)
    from keras_astro.serving.meters import Meters
    from keras_astro.serving.service import Service

    model = ServedModel("m", tmp_path, load=Doubling)
    model.refresh()
    service = Service([model], Meters())
    ended = threading.Event()

    def ask(seed):
        seen, count = set(), 0
        rng = np.random.default_rng(seed)
        while not ended.is_set():
            x = rng.normal(size=(3, 2)).astype("float32")
            number, outputs = service.predict("m", None, "", {"x": x})
            np.testing.assert_array_equal(outputs["y"], 2 * x)
            assert (outputs["version"] == number).all()
            seen.add(number)
            count += 1
        return seen, count

    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(ask, seed) for seed in range(8)]
        for number in range(2, 22):
            put(tmp_path, number)
            assert model.refresh()
            time.sleep(0.01)
        ended.set()
        answers = [future.result() for future in asked]
    assert set.union(*(seen for seen, _ in answers)) >= {2, 20, 21}
    assert sum(count for _, count in answers) > 100
    model.close()


def test_requests_that_wait_together_run_together():
    started, go, sizes = threading.Event(), threading.Event(), []

    def run(signature, inputs):
        started.set()
        go.wait(10)
        return {"y": inputs["x"] + 1}

    batcher = Batcher(run, most_rows=8, most_waiting=6, observe=sizes.append)
    x = np.arange(2.0)
    futures = [batcher.submit("predict", {"x": x})]
    started.wait(10)
    futures += [batcher.submit("predict", {"x": x + n}) for n in range(1, 7)]
    with pytest.raises(Refusal, match="too many") as caught:
        batcher.submit("predict", {"x": x})
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    go.set()
    for n, future in enumerate(futures):
        np.testing.assert_array_equal(future.result(10)["y"], x + n + 1)
    assert sizes == [2, 8, 4]
    batcher.close()
    with pytest.raises(Closed):
        batcher.submit("predict", {"x": x})


def test_a_failing_model_fails_its_requests_and_no_more():
    def run(signature, inputs):
        if inputs["x"][0] < 0:
            raise ValueError("negative")
        return inputs

    batcher = Batcher(run)
    with pytest.raises(ValueError, match="negative"):
        batcher.submit("predict", {"x": np.array([-1.0])}).result(10)
    assert batcher.submit("predict", {"x": np.ones(1)}).result(10)["x"] == [1]
    batcher.close()


def test_places_are_models(tmp_path, artefact, model_folder, refused):
    file = artefact("tflite").path
    assert models_at(file) == {"lensing": file}
    assert models_at(file, name="mine") == {"mine": file}
    assert models_at(model_folder.parent) == {"lensing": model_folder}
    assert found_versions(tmp_path / "absent") == {}
    with refused(ArtefactError, tmp_path, "found none", hint="kastro export"):
        models_at(tmp_path)


def test_a_real_model_is_swapped_over_http(model_folder, artefact, images, connect):
    told = []
    with Server(model_folder, rest_port=0, poll=0.05, tell=told.append) as server:
        client = connect(server.rest.port)
        body = {"inputs": {"image": images.tolist()}, "signature_name": "score"}
        before = client.predict(body)
        damaged = bytearray(artefact("tflite").path.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        (model_folder / "2").mkdir()
        (model_folder / "2" / "a.tflite").write_bytes(damaged)
        wait_for(lambda: any("version 2 is refused" in line for line in told))
        assert client.predict(body) == before
        shutil.copytree(model_folder / "1", model_folder / "3")
        wait_for(lambda: any("version 3 answers" in line for line in told))
        assert client.predict(body) == before
        shutil.rmtree(model_folder / "2")
        shutil.rmtree(model_folder / "3")
        wait_for(lambda: any("version 1 answers" in line for line in told))
        assert client.predict(body) == before


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_port_that_is_taken_is_one_error(server, model_folder, refused):
    with refused(UsageError, server.rest.port, hint="--rest-port"):
        Server(model_folder, rest_port=server.rest.port)
