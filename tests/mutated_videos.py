"""Tiny videos, and what damage and enemies make of them."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

CONTAINERS = {"mp4": "libx264", "mkv": "libx264", "avi": "mpeg4", "ts": "mpeg2video"}
"""Containers, and the codec of the video in each."""
MARKS = (
    *(b"trak", b"stsz", b"stts", b"stsc", b"stco", b"stsd", b"mdat", b"moov", b"elst", b"avcC"),
    *(b"hdrl", b"strl", b"strf", b"movi", b"idx1", b"LIST"),
    *(b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75", b"\x18\x53\x80\x67", b"\x19\x41\xa4\x69"),
    *(b"\x12\x54\xc3\x67", b"\x63\xa2", b"G\x41", b"G\x50"),
)
"""Names of boxes, chunks, elements and packets, beside which there are sizes and counts."""
HOSTILE = (0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 0x01FFFFFF, 65535, 10**9)
"""Values for sizes and counts."""


def draw(path: Path, codec: str) -> bytes:
    """Return a tiny video with sound, two key frames, a title and, in Matroska, an attachment."""
    noise = np.random.default_rng(5)
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "A title; with `words`"
        video: Any = container.add_stream(codec, rate=25, options={"g": "5"})
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        sound: Any = container.add_stream("mp2", rate=32000, layout="mono")
        if path.suffix == ".mkv":
            container.add_attachment("a font.ttf", "font/ttf", bytes(range(256)))
        for number in range(10):
            picture = noise.integers(0, 255, (32, 48, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for block in range(10):
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), "s16", "mono")
            tone.sample_rate, tone.pts = 32000, 1152 * block
            container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
    return path.read_bytes()


def mutant(data: bytes, dice: random.Random) -> bytes:
    """Damage a file in one to three of the ways that damage and enemies know."""
    for _ in range(dice.randint(1, 3)):
        if data:
            data = dice.choice(WAYS)(bytearray(data), _place(data, dice), dice)
    return data


def _place(data: bytes, dice: random.Random) -> int:
    """Return a place: half of them near head or tail, where headers and indexes are."""
    length = len(data)
    near = dice.randrange(min(length, 1500))
    return dice.choice((near, length - 1 - near, dice.randrange(length), dice.randrange(length)))


def _flip(data: bytearray, place: int, dice: random.Random) -> bytes:
    for at in range(place, min(place + dice.choice((1, 1, 4, 40)), len(data))):
        data[at] ^= 1 << dice.randrange(8)
    return bytes(data)


def _zero(data: bytearray, place: int, dice: random.Random) -> bytes:
    length = len(data[place : place + dice.choice((1, 8, 64, 700))])
    data[place : place + length] = bytes(length)
    return bytes(data)


def _number(data: bytearray, place: int, dice: random.Random) -> bytes:
    width = dice.choice((1, 2, 4, 4, 8))
    order: Any = dice.choice(("big", "little"))
    value = dice.choice(HOSTILE) % (1 << 8 * width)
    data[place : place + width] = value.to_bytes(width, order)
    return bytes(data)


def _size_of_box(data: bytearray, place: int, dice: random.Random) -> bytes:
    """Change the size of the next box of MP4 or chunk of AVI, or the next element of Matroska."""
    found = [at for mark in MARKS if (at := data.find(mark, place)) >= 4]
    if not found:
        return _number(data, place, dice)
    at = dice.choice(found)
    at += dice.choice((-4, 4, 8, 12))
    return _number(data, max(at, 0), dice)


def _cut(data: bytearray, place: int, dice: random.Random) -> bytes:
    return bytes(data[: max(place, 1)])


def _remove(data: bytearray, place: int, dice: random.Random) -> bytes:
    del data[place : place + dice.choice((1, 16, 188, 2000))]
    return bytes(data)


def _double(data: bytearray, place: int, dice: random.Random) -> bytes:
    block = data[place : place + dice.choice((4, 188, 1000, len(data)))]
    return bytes(data[:place] + block * dice.choice((2, 3, 20)) + data[place + len(block) :])


def _swap(data: bytearray, place: int, dice: random.Random) -> bytes:
    size = dice.choice((8, 188, 600))
    first, second = sorted((place, dice.randrange(len(data))))
    if second - first < size:
        return _double(data, place, dice)
    one, other = data[first : first + size], data[second : second + size]
    data[first : first + size], data[second : second + size] = other, one
    return bytes(data)


WAYS = (
    *(_flip, _flip, _zero, _number, _number, _size_of_box, _size_of_box),
    *(_cut, _remove, _double, _swap),
)
