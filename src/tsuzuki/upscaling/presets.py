"""From what the user wants to the networks that do it.

========  =======================  ==========================  =====================
content   Fast                     Balanced                    Quality
========  =======================  ==========================  =====================
anime     waifu2x upconv_7 anime   Real-ESRGAN animevideov3    Real-CUGAN SE
photo     waifu2x upconv_7 photo   waifu2x upconv_7 photo      Real-ESRGAN x4plus
========  =======================  ==========================  =====================

Real-ESRGAN x4plus takes some forty times as long as upconv_7, and nothing in between is bundled for
photographs, so Balanced is Fast there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import msgspec

from tsuzuki.settings import Content, ProcessingSettings, Quality
from tsuzuki.upscaling.catalogue import Network, family, find

PRESETS: dict[tuple[Content, Quality], str] = {
    ("anime", "Fast"): "waifu2x-upconv7-anime",
    ("anime", "Balanced"): "realesr-animevideov3",
    ("anime", "Quality"): "realcugan-se",
    ("photo", "Fast"): "waifu2x-upconv7-photo",
    ("photo", "Balanced"): "waifu2x-upconv7-photo",
    ("photo", "Quality"): "realesrgan-x4plus",
}
DENOISER = "waifu2x-cunet"
"""Family that reduces noise without changing the size."""
FINISHERS = {
    "realesrgan-x4plus": "waifu2x-upconv7-photo",
    "realesrgan-x4plus-anime": "waifu2x-upconv7-anime",
}
"""Families that only enlarge four times, and which one goes on from there: x4plus itself would take
minutes for a frame that is four times as large already."""
MOST_PASSES = 4
"""Enough for eight times in steps of two after a network that keeps the size."""
LEFT_TO_RESAMPLING = 1.25
"""Enlargement that may be left to resampling: 480 lines become 1080 in one pass of a network that
doubles them, not in two, of which the second would take four times as long as the first."""


class Choice(msgspec.Struct, frozen=True):
    """The networks of each pass in order, and what the user should know about them."""

    networks: tuple[Network, ...]
    notes: tuple[str, ...] = ()


def choose(settings: ProcessingSettings) -> Choice:
    """Return the networks that together enlarge as much as is asked for, or nearly so.

    No network at all where the size stays and nothing is to be reduced. Raises `ModelError` for an
    unknown model.
    """
    if settings.model is not None:
        return _of_model(settings)
    if settings.scale_factor == 1 and settings.noise_reduction < 0:
        return Choice((), ("Neither size nor noise is changed: no network is used.",))
    if settings.scale_factor == 1 and settings.content == "anime":
        name = f"{DENOISER}-1x-n{settings.noise_reduction}"
        return Choice((find(name),), (f"The size stays, so {name} only reduces noise.",))
    return _of_preset(settings)


def _of_model(settings: ProcessingSettings) -> Choice:
    first = find(settings.model or "")
    chains = _chains([first], first.family, settings.scale_factor)
    notes: list[str] = []
    if first.noise is not None and first.noise != settings.noise_reduction:
        level = settings.noise_reduction
        notes.append(f"{first.name} reduces noise in its own way; the setting {level} is not used.")
    return Choice(_best(chains, settings.scale_factor), tuple(notes))


def _of_preset(settings: ProcessingSettings) -> Choice:
    name = PRESETS[settings.content, settings.quality]
    wanted = settings.noise_reduction
    starts = [_nearest_level(level, wanted) for level in _by_scale(name).values()]
    networks = _best(_chains(starts, name, settings.scale_factor), settings.scale_factor)
    notes: list[str] = []
    if networks[0].noise is None:
        notes.append(f"{networks[0].title} has its noise reduction built in, without levels.")
    elif networks[0].noise != wanted:
        notes.append(
            f"{networks[0].title} at {networks[0].scale}x has no noise reduction {wanted}; "
            f"{networks[0].noise} is nearest."
        )
    if (settings.content, settings.quality) == ("photo", "Balanced"):
        notes.append("No network between Fast and Quality is bundled for photo: this is Fast.")
    return Choice(networks, tuple(notes))


def _by_scale(name: str) -> dict[int, list[Network]]:
    scales: dict[int, list[Network]] = {}
    for network in family(name):
        scales.setdefault(network.scale, []).append(network)
    return scales


def _nearest_level(networks: list[Network], wanted: int) -> Network:
    """Return the network whose noise reduction is nearest; none at all only if that is wanted."""
    levels = [n for n in networks if n.noise is None or (n.noise < 0) == (wanted < 0)]
    return min(levels or networks, key=lambda n: abs((n.noise or 0) - wanted))


def _chains(starts: list[Network], name: str, scale: float) -> Iterator[tuple[Network, ...]]:
    """Yield chains of networks that enlarge enough; noise is reduced by the first one only."""
    enough = scale if scale == 1 else max(scale / LEFT_TO_RESAMPLING, math.nextafter(1, 2))
    follow = [n for n in family(FINISHERS.get(name, name)) if n.noise is None or n.noise < 0]
    follow = [n for n in follow if n.scale > 1]
    for start in starts:
        for length in range(MOST_PASSES):
            for rest in product(follow, repeat=length):
                chain = (start, *rest)
                if _factor(chain) >= enough and (not rest or _factor(chain[:-1]) < scale):
                    yield chain


def _best(chains: Iterator[tuple[Network, ...]], scale: float) -> tuple[Network, ...]:
    """Return the chain that fits, of the fewest passes, that enlarges enough, of the least time."""
    return min(
        chains,
        key=lambda chain: (
            _factor(chain) != scale,
            len(chain),
            _factor(chain) < scale,
            _cost(chain),
            _factor(chain),
        ),
    )


def _factor(chain: tuple[Network, ...]) -> int:
    factor = 1
    for network in chain:
        factor *= network.scale
    return factor


def _cost(chain: tuple[Network, ...]) -> int:
    """Return nanoseconds for one pixel of the source."""
    areas = [_factor(chain[:i]) ** 2 for i in range(len(chain))]
    return sum(area * network.cost for area, network in zip(areas, chain, strict=True))
