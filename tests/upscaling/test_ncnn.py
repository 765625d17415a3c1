from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import threading

import msgspec
import numpy as np
import pytest

from tsuzuki.errors import EngineError, ModelError
from tsuzuki.upscaling import NcnnEngine, catalogue, find

FAMILIES = [
    "waifu2x-upconv7-anime-2x-n3",
    "waifu2x-upconv7-photo-2x-none",
    "waifu2x-cunet-1x-n1",
    "waifu2x-cunet-2x-n3",
    "realcugan-se-2x-n0",
    "realcugan-pro-3x-n3",
    "realcugan-se-4x-none",
    "realesr-animevideov3-2x",
]
SLOW = [
    pytest.param("realesr-animevideov3-3x", marks=pytest.mark.slow),
    pytest.param("realesr-animevideov3-4x", marks=pytest.mark.slow),
    pytest.param("realesrgan-x4plus-anime", marks=pytest.mark.slow),
    pytest.param("realesrgan-x4plus", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", FAMILIES + SLOW)
def test_the_bits_do_not_depend_on_the_number_of_threads(name, draw) -> None:
    planes = draw(68, 64)
    outputs = []
    for threads in (1, 2, 4):
        engine = NcnnEngine(find(name), threads=threads)
        outputs.append(engine.run(planes))
        engine.close()
    assert np.array_equal(outputs[0], outputs[1])
    assert np.array_equal(outputs[0], outputs[2])


def test_the_bits_do_not_depend_on_what_was_before(draw) -> None:
    network = find("realesr-animevideov3-2x")
    used = NcnnEngine(network)
    for size in ((68, 64), (41, 83), (30, 30), (68, 64), (120, 70), (41, 83)):
        assert np.array_equal(used.run(draw(*size)), NcnnEngine(network).run(draw(*size)))


@pytest.mark.parametrize(
    "name",
    ["waifu2x-upconv7-anime-2x-n3", pytest.param("realcugan-se-2x-n0", marks=pytest.mark.slow)],
)
def test_vulkan_agrees_with_the_processor(name, draw, vulkan) -> None:
    planes = draw(64, 60)  # Real-CUGAN takes 36 off each axis
    processor, gpu = NcnnEngine(find(name)), NcnnEngine(find(name), vulkan)
    difference = np.abs(processor.run(planes) - gpu.run(planes))
    assert difference.max() < 0.02  # 16-bit storage: some code values of 255 at worst
    assert difference.mean() < 0.001
    processor.close()
    gpu.close()


@pytest.mark.parametrize(
    ("device", "parked"),
    [
        ("cpu", False),
        ("cpu", True),
        pytest.param("vulkan", False, marks=pytest.mark.slow),
    ],
)
def test_a_passage_with_its_own_means_is_a_run(device, parked, draw, request) -> None:
    name = "cpu" if device == "cpu" else request.getfixturevalue("vulkan")
    engine = NcnnEngine(find("realcugan-se-2x-n0"), name)
    planes = draw(56, 48)
    passage = engine.begin(planes)
    for _ in engine.graph.pools:
        features = passage.features()
        assert features.ndim == 3
        if parked:
            passage.park()
        passage.set_mean(features.mean(axis=(1, 2), dtype=np.float64).astype(np.float32))
    difference = np.abs(passage.finish() - engine.run(planes)).max()
    assert difference < (1e-4 if device == "cpu" else 0.01)
    engine.close()


def test_a_parked_passage_gives_the_same_bits(draw) -> None:
    engine = NcnnEngine(find("realcugan-se-2x-n0"))
    outputs = []
    for parked in (False, True):
        passage = engine.begin(draw(56, 48))
        for _ in engine.graph.pools:
            means = passage.features().mean(axis=(1, 2))
            if parked:
                passage.park()
            passage.set_mean(means)
        outputs.append(passage.finish())
    assert np.array_equal(*outputs)


def test_other_means_change_the_output(draw) -> None:
    engine = NcnnEngine(find("realcugan-se-2x-n0"))
    planes = draw(64, 64)
    passage = engine.begin(planes)
    for _ in engine.graph.pools:
        passage.set_mean(2 * passage.features().mean(axis=(1, 2)))
    assert np.abs(passage.finish() - engine.run(planes)).max() > 1e-3


def test_arrays_that_are_gone_are_not_read(draw) -> None:
    """ncnn's view of an array does not keep it alive."""
    engine = NcnnEngine(find("waifu2x-upconv7-anime-2x-n0"))
    expected = engine.run(draw(64, 64, seed=3))
    for _ in range(5):
        extractor = engine.start(draw(64, 64, seed=3))
        gc.collect()
        rubbish = [np.full((3, 64, 64), 7, dtype=np.float32) for _ in range(20)]
        assert np.array_equal(engine.extract(extractor, engine.graph.sink), expected)
        del rubbish


def test_two_engines_work_side_by_side(draw) -> None:
    engines = [NcnnEngine(find("waifu2x-upconv7-anime-2x-n0"), threads=1) for _ in range(2)]
    planes = draw(60, 60)
    expected, outputs = engines[0].run(planes), {}
    threads = [
        threading.Thread(target=lambda i=i: outputs.update({i: engines[i].run(planes)}))
        for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(outputs[i], expected) for i in range(2))


def test_a_closed_engine_says_so(draw) -> None:
    engine = NcnnEngine(find("waifu2x-upconv7-anime-2x-n0"))
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run(draw(32, 32))
    pooling = NcnnEngine(find("realcugan-se-2x-n0"))
    passage = pooling.begin(draw(56, 48))
    pooling.close()
    with pytest.raises(EngineError, match="closed"):
        passage.features()


@pytest.mark.parametrize("size", [0, 100, 500_000, -1])
def test_cut_weights_are_refused(tmp_path, monkeypatch, size) -> None:
    network = find("waifu2x-upconv7-anime-2x-n0")
    shutil.copy(network.param, tmp_path)
    weights = network.weights.read_bytes()
    (tmp_path / network.weights.name).write_bytes(weights[:size])
    monkeypatch.setattr(catalogue, "_folder", lambda package: tmp_path)
    with pytest.raises(ModelError, match=r"damaged or cut off.*Reinstall"):
        NcnnEngine(network)


@pytest.mark.parametrize("gone", ["param", "bin"])
def test_missing_files_are_refused(tmp_path, gone) -> None:
    network = find("waifu2x-upconv7-anime-2x-n0")
    for path in (network.param, network.weights):
        shutil.copy(path, tmp_path)
    (tmp_path / f"{network.files}.{gone}").unlink()
    with pytest.raises(ModelError, match=rf"{network.files}\.{gone}"):
        NcnnEngine(msgspec.structs.replace(network, elsewhere=tmp_path))


@pytest.mark.parametrize("closed", [True, False])
def test_a_process_that_used_vulkan_ends_well(closed, vulkan) -> None:
    script = (
        "import numpy as np; from tsuzuki.upscaling import NcnnEngine, find;"
        f"e = NcnnEngine(find('waifu2x-upconv7-anime-2x-n0'), {vulkan!r});"
        "e.run(np.zeros((3, 32, 32), dtype=np.float32));"
    )
    script += "e.close()" if closed else ""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
