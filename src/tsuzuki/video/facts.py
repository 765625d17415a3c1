"""What is known about a source before its frames are decoded."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

StreamKind = Literal["video", "audio", "subtitle", "attachment", "data"]
Container = Literal["mp4", "mov", "mkv", "webm", "png"]
"""Of the output; ``png`` stands for pictures, which have none."""

SUFFIXES: dict[str, Container] = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "mkv",
    ".webm": "webm",
    ".png": "png",
}
"""What the name of an output may end in, and the container that this means."""


class Colour(msgspec.Struct, frozen=True, kw_only=True):
    """How the samples of the main video stream are to be read, guesses included.

    The integers are the code points of ITU-T H.273, which FFmpeg uses too.
    """

    matrix: int
    primaries: int
    transfer: int
    full_range: bool
    chroma_location: int
    """FFmpeg's AVChromaLocation, 0 where the format has no subsampled chroma."""
    depth: int
    """Bits of a sample."""
    rgb_format: str
    """Planar RGB pixel format of FFmpeg that frames are converted to, such as ``gbrp``."""
    white: int
    """Value of full white in ``rgb_format``."""
    guessed: tuple[str, ...] = ()
    """Names of the fields that the source does not tell."""
    tags: tuple[int, int, int, int] = (2, 2, 2, 0)
    """Matrix, primaries, transfer, range as tagged (2 and 0: unspecified), to write back."""


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of the source."""

    index: int
    """Index in the container."""
    kind: StreamKind
    codec: str
    language: str | None = None
    title: str | None = None
    disposition: tuple[str, ...] = ()
    cover_art: bool = False
    """A still picture that travels with the file, not a video."""
    supported: bool = True
    """Whether FFmpeg knows the codec; an unknown one cannot be copied."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `tsuzuki.video.probe` finds out."""

    path: str
    size: int
    format: str
    container: Literal["mp4", "mov", "mkv", "webm", "other"]
    duration: float
    width: int
    height: int
    pixel_format: str
    codec: str
    profile: str | None
    frame_rate: tuple[int, int]
    """Mean (or guessed) frames per second as a fraction; only encoders' rate control uses it."""
    frame_count: int
    """As the container claims, or estimated from the duration."""
    time_base: tuple[int, int]
    """Of the main video stream, seconds per tick."""
    stream: int
    """Index of the main video stream."""
    sample_aspect_ratio: tuple[int, int]
    """(1, 1) where unknown or square."""
    rotation: int
    """Degrees counter-clockwise that a player turns the picture by: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether a player mirrors it from left to right after that."""
    interlaced: bool
    woven: Literal["", "tff", "bff", "in part"] = ""
    """Whether frames that do not say so are woven of half pictures, and which line of the picture
    the earlier one begins in, the top line or the one below."""
    telecined: bool = False
    """Film at the rate of television, its frames shown for two fields and for three in turn."""
    alpha: bool
    colour: Colour
    streams: tuple[StreamFacts, ...]
    chapters: int
    pictures: Literal["", "still", "sequence"] = ""
    """A still picture, or a sequence of them, rather than a video."""
    first_number: int = 1
    """Number of the first picture of a sequence."""
    timecode: str = ""
    """Of the first frame, as `tsuzuki.video.timecode` has it; empty where there is none."""
    colour_profile: bool = False
    """Whether the pictures have a colour profile (ICC)."""
    hdr: dict[str, str] = {}
    """Static HDR metadata as `tsuzuki.video.hdr` has it; empty where there is none."""
    dynamic_hdr: tuple[str, ...] = ()
    """Names of the kinds of dynamic HDR metadata, as `tsuzuki.video.dynamic_hdr` has them."""
    warnings: tuple[str, ...] = ()
    """Sentences for the user, such as on interlacing or unknown codecs."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What takes long to find out about a video: frames from all over it are looked at."""

    interlaced: bool
    woven: Literal["", "tff", "bff", "in part"]
    telecined: bool
    alpha: bool

    @classmethod
    def of(cls, facts: Probe) -> Judged:
        """Return what was found out."""
        return cls(**{name: getattr(facts, name) for name in cls.__struct_fields__})


class Crop(NamedTuple):
    """The part of a picture that is kept, in pixels."""

    width: int
    height: int
    left: int
    """Pixels to the left of it."""
    top: int
    """Pixels above it."""


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a decoded picture before it is upscaled."""

    crop: Crop | None = None
    """In the picture as it is coded; None keeps all of it."""
    turn: int = 0
    """Degrees counter-clockwise by which the pixels are turned then: 0, 90, 180 or 270."""


class EncodePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How frames become a segment; everything that decides its bytes."""

    encoder: str
    """As in `tsuzuki.settings.ENCODERS`."""
    library: str
    """FFmpeg's name of the encoder, such as ``libx264``."""
    version: str
    """Versions of FFmpeg's libraries that the encoder comes with."""
    options: dict[str, str]
    """Options given to the encoder, pinned threads among them."""
    pixel_format: str
    width: int
    height: int
    frame_rate: tuple[int, int]
    sample_aspect_ratio: tuple[int, int]
    source_colour: Colour
    """How the frames given to the encoder are to be read."""
    matrix: int
    primaries: int
    transfer: int
    full_range: bool
    chroma_location: int
    container: Container
    """Segments themselves are always Matroska."""
    threads: int
    extra: dict[str, str] = {}
    """Side data to hand on, such as HDR mastering metadata."""


def framed(facts: Probe, framing: Framing | None) -> Probe:
    """Return the facts of the video as its pictures are once they are cropped and turned."""
    if framing is None:
        return facts
    width, height = framing.crop[:2] if framing.crop else (facts.width, facts.height)
    aspect, rotation = facts.sample_aspect_ratio, (facts.rotation - framing.turn) % 360
    if framing.turn in {90, 270}:
        width, height, aspect = height, width, (aspect[1], aspect[0])
    return msgspec.structs.replace(
        facts, width=width, height=height, sample_aspect_ratio=aspect, rotation=rotation
    )
