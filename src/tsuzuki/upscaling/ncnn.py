"""The ncnn engine: networks on the processor, or on any GPU through Vulkan."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

import ncnn
import numpy as np

from tsuzuki.errors import EngineError, ModelError, OutOfMemoryError
from tsuzuki.upscaling.catalogue import Network
from tsuzuki.upscaling.devices import usable_cores
from tsuzuki.upscaling.engine import Means, Planes

OUT_OF_MEMORY = -100
"""What ncnn returns when an allocation failed."""

POOLED_BYTES = 200 << 20
"""Memory that may be kept for pieces to come, unless the present one needs more."""

_EXACT = {
    "use_bf16_packed": False,
    "use_bf16_storage": False,
    "use_fp16_arithmetic": False,
    "use_int8_arithmetic": False,
    "use_int8_inference": False,
    "use_int8_packed": False,
    "use_int8_storage": False,
    "use_packing_layout": True,
    "use_sgemm_convolution": True,
    "use_winograd_convolution": True,
    "use_winograd23_convolution": True,
    "use_winograd43_convolution": True,
    "use_winograd63_convolution": True,
}
CPU_OPTIONS: dict[str, bool] = {
    **_EXACT,
    "use_fp16_packed": False,
    "use_fp16_storage": False,
    "use_vulkan_compute": False,
}
"""32-bit floats; of the sets that give equal bits with any number of threads the fastest one."""
GPU_OPTIONS: dict[str, bool] = {
    **_EXACT,
    "use_fp16_packed": True,
    "use_fp16_storage": True,
    "use_vulkan_compute": True,
}
"""Values are kept in 16 bits and added up in 32, as the networks' own programs do."""


class _Pools:
    """Memory of this process that networks on the processor leave for the next piece.

    ncnn's own pools would keep that of every size of piece that there was.
    """

    def __init__(self) -> None:
        self.both = ncnn.PoolAllocator(), ncnn.PoolAllocator()
        for pool in self.both:  # ncnn does not keep them alive, and nothing tells what ends last
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(pool))
        self._kept: set[int] = set()
        """Bytes that each size of piece has needed, of which the pools may hold the memory."""
        self._guard = threading.Lock()

    def make_room(self, size: int) -> None:
        """Give memory back where that of other sizes and of the present one is too much."""
        with self._guard:
            self._kept.add(size)
            if len(self._kept) > 1 and sum(self._kept) > POOLED_BYTES:
                for pool in self.both:
                    pool.clear()
                self._kept = {size}


_pools = _Pools()


class NcnnEngine:
    """One network, loaded onto one device.

    ``options`` are fields of ncnn's ``Option``; None takes those of `options_for`. Threads
    (all usable cores unless told) change the speed and never the bits.

    Raises `ModelError` where the files are missing or damaged.
    """

    version: ClassVar[str] = ncnn.__version__

    def __init__(
        self,
        network: Network,
        device: str = "cpu",
        *,
        options: Mapping[str, bool] | None = None,
        threads: int | None = None,
    ) -> None:
        self.device = device
        self.network = network
        self.graph = network.graph()
        self._net: Any = ncnn.Net()
        for option, value in (options or self.options_for(device)).items():
            setattr(self._net.opt, option, value)
        self._net.opt.num_threads = threads or usable_cores()
        if device == "cpu":
            self._net.opt.blob_allocator, self._net.opt.workspace_allocator = _pools.both
        if device != "cpu":
            self._net.set_vulkan_device(int(device.removeprefix("gpu:")))
        self._load()

    @staticmethod
    def options_for(device: str) -> dict[str, bool]:
        """Return the options for a device; they are kept in the session."""
        return CPU_OPTIONS if device == "cpu" else GPU_OPTIONS

    def run(self, planes: Planes) -> Planes:
        """Return the network's output for one piece of a frame, borders included."""
        if self.device == "cpu":
            _pools.make_room(planes.shape[1] * planes.shape[2] * self.network.memory)
        return self.extract(self.start(planes), self.graph.sink)

    def begin(self, planes: Planes) -> NcnnPassage:
        """Start one of several pieces of a frame; only for networks with global pooling."""
        return NcnnPassage(self, planes)

    def close(self) -> None:
        """Release the device. The engine cannot be used afterwards."""
        if self._net is not None:
            self._net.clear()
            self._net = None

    def start(self, planes: Planes) -> Any:
        """Return an ncnn extractor that has ``planes`` as its input."""
        if self._net is None:
            raise EngineError("The engine is closed. Make a new one.")
        extractor = self._net.create_extractor()
        feed(extractor, self.graph.source, planes)
        return extractor

    def extract(self, extractor: Any, blob: str) -> Planes:
        """Compute and return one blob; raises `EngineError` or `OutOfMemoryError`."""
        status, result = extractor.extract(blob)
        if status == OUT_OF_MEMORY:
            raise OutOfMemoryError(
                f"The device {self.device} has too little memory for {self.network.name}. "
                "Choose a smaller tile size with --tile-size, or close other programs."
            )
        if status != 0 or result.empty():
            raise EngineError(
                f"ncnn could not run {self.network.name} on {self.device} (status {status}). "
                "Try --device cpu; if that fails too, reinstall the package ncnn."
            )
        return np.array(result, dtype=np.float32)

    def _load(self) -> None:
        param, weights = self.network.param, self.network.weights
        for path in (param, weights):
            if not path.is_file():
                raise _bad_model(self.network, f"{path} is missing")
        if self._net.load_param(str(param)) != 0 or self._net.load_model(str(weights)) != 0:
            raise _bad_model(self.network, f"{weights} is damaged or cut off")


class NcnnPassage:
    """One piece of a frame on its way through a pooling network; see `engine.Passage`."""

    def __init__(self, engine: NcnnEngine, planes: Planes) -> None:
        self._engine = engine
        self._planes = planes
        self._means: list[Means] = []
        self._extractor: Any = None

    def features(self) -> Planes:
        """Return what the next pooling would average, shape (channels, height, width)."""
        pool = self._engine.graph.pools[len(self._means)]
        extractor = self._resumed()
        features = self._engine.extract(extractor, pool.features)
        extractor.input(pool.features, ncnn.Mat())  # the copy is enough: let ncnn free its own
        return features

    def set_mean(self, means: Means) -> None:
        """Let ``means`` take the place of the pooling whose features were read last."""
        if self._extractor is not None:
            feed(self._extractor, self._engine.graph.pools[len(self._means)].means, means)
        self._means.append(means)

    def finish(self) -> Planes:
        """Return the network's output. The passage cannot be used afterwards."""
        result = self._engine.extract(self._resumed(), self._engine.graph.sink)
        self._extractor = None
        return result

    def park(self) -> None:
        """Give memory back; the next call computes anew what it needs."""
        self._extractor = None

    def _resumed(self) -> Any:
        """Return an extractor that has got as far as the means are known.

        With Vulkan ncnn takes no new value for a blob that it has computed on the device, so there
        every call starts anew.
        """
        if self._extractor is None or self._engine.device != "cpu":
            self._extractor = self._engine.start(self._planes)
            for pool, means in zip(self._engine.graph.pools, self._means, strict=False):
                feed(self._extractor, pool.means, means)
        return self._extractor


def feed(extractor: Any, blob: str, values: Planes | Means) -> None:
    """Give ``values`` to an extractor; ncnn's own view does not keep its array alive."""
    values = np.ascontiguousarray(values, dtype=np.float32)
    mat = ncnn.Mat(values).clone()
    extractor.input(blob, mat)
    del values  # held until here, where the copy exists


def _bad_model(network: Network, reason: str) -> ModelError:
    with suppress(ModelError):
        reason = reason.replace(str(network.folder), network.package)
    return ModelError(
        f"The model {network.name} cannot be loaded: {reason}. Reinstall the package "
        f"{network.package}.",
        model=network.name,
    )
