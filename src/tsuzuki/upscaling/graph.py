"""What a network's structure file (ncnn's ``.param``) tells about it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import msgspec

from tsuzuki.errors import ModelError

MAGIC = "7767517"
"""First line of ncnn's text format."""


class Pool(msgspec.Struct, frozen=True):
    """A global pooling: it averages each channel of ``features`` over all positions."""

    features: str
    """Name of the blob that is averaged."""
    means: str
    """Name of the blob that holds the averages."""
    ratio: Fraction
    """Positions of ``features`` per input pixel, along one axis."""


class Graph(msgspec.Struct, frozen=True):
    """The ends of a network and its global poolings, in the order in which data meet them."""

    source: str
    """Name of the input blob."""
    sink: str
    """Name of the output blob."""
    scale: Fraction
    """Output pixels per input pixel, along one axis."""
    pools: tuple[Pool, ...]


def read_graph(path: Path) -> Graph:
    """Read the structure file at ``path``; raises `ModelError` where it cannot be understood."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        return _parse(lines)
    except OSError as error:
        raise ModelError(
            f"The model file {path} cannot be read ({error.strerror}). Reinstall the package that "
            "it belongs to.",
            path=str(path),
        ) from error
    except (ValueError, LookupError) as error:
        raise ModelError(
            f"The model file {path} is damaged. Reinstall the package that it belongs to.",
            path=str(path),
        ) from error


def _parse(lines: list[str]) -> Graph:
    if lines[0].strip() != MAGIC or int(lines[1].split()[0]) != len(lines[2:]):
        raise ValueError
    ratios: dict[str, Fraction] = {}
    pools: list[Pool] = []
    source = sink = ""
    for line in lines[2:]:
        kind, _, inputs, outputs, *rest = line.split()
        bottoms, tops = rest[: int(inputs)], rest[int(inputs) : int(inputs) + int(outputs)]
        options = dict(pair.split("=") for pair in rest[int(inputs) + int(outputs) :])
        if kind == "Input":
            source, ratio = tops[0], Fraction(1)
        else:
            ratio = ratios[bottoms[0]] * _resizing(kind, options)
        if kind == "Pooling" and options.get("4") == "1":
            pools.append(Pool(bottoms[0], tops[0], ratio))
        ratios.update(dict.fromkeys(tops, ratio))
        sink = tops[0]
    if not source:
        raise ValueError
    return Graph(source, sink, ratios[sink], tuple(pools))


def _resizing(kind: str, options: dict[str, str]) -> Fraction:
    """Return the factor by which a layer enlarges; the keys are those of ncnn's layers."""
    if kind == "Convolution":
        return Fraction(1, int(options.get("3", "1")))
    if kind == "Deconvolution":
        return Fraction(int(options.get("3", "1")))
    if kind == "PixelShuffle":
        return Fraction(int(options["0"]))
    if kind == "Interp":
        return Fraction(options["1"])
    return Fraction(1)
