from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest

from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.encode import plan_encoding
from tsuzuki.video.facts import EncodePlan, Probe
from tsuzuki.video.probe import probe
from tsuzuki.video.segment import SegmentEncoder

FAST = {
    "png": None,
    "x264": "veryfast",
    "x265": "ultrafast",
    "svt-av1": "12",
    "vp9": "5",
    "prores": None,
    "ffv1": None,
}
HEADER = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    b"Style: Default,Arial,16\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
)


def _video(out: Any, times: list[int], tick: Fraction) -> Iterator[av.Packet]:
    stream = out.add_stream("libx264", rate=24, options={"preset": "veryfast", "threads": "1"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.codec_context.time_base = stream.time_base = tick
    stream.metadata["language"] = "jpn"
    yield None  # the stream is there
    noise = np.random.default_rng(7).integers(0, 255, (96, 128, 3), np.uint8)
    for number, pts in enumerate(times):
        picture = np.ascontiguousarray(noise[number : number + 48, number : number + 64])
        frame = av.VideoFrame.from_ndarray(picture)
        frame.pts, frame.time_base = pts, tick
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _audio(out: Any, codec: str, seconds: Fraction, language: str) -> Iterator[av.Packet]:
    stream = out.add_stream(codec, rate=48000)
    stream.layout = "stereo"
    stream.metadata.update({"language": language, "title": f"Sound {language}"})
    yield None
    form = stream.codec_context.format.name
    for start in range(0, int(seconds * 48000), 960):
        frame = av.AudioFrame(form, "stereo", 960)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _subtitle(out: Any, codec: str, lines: list[tuple[int, int, bytes]]) -> Iterator[av.Packet]:
    stream = out.add_stream(codec)
    stream.codec_context.subtitle_header = HEADER
    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = "eng"
    yield None
    for number, (start, end, text) in enumerate(lines):
        line = av.subtitles.subtitle.SubtitleSet.create(
            b"%d,0,Default,,0,0,0,,%s" % (number, text), 0, end - start
        )
        packet = stream.codec_context.encode_subtitle(line)
        packet.pts = packet.dts = start
        packet.duration, packet.time_base = end - start, Fraction(1, 1000)
        packet.stream = stream
        yield packet


@pytest.fixture(scope="session")
def make_source() -> Callable[..., Path]:
    """Make a clip of 30 frames at irregular times with the streams asked for."""

    def make(
        path: Path,
        *,
        audio: tuple[str, ...] = (),
        subtitles: tuple[str, ...] = (),
        extras: bool = False,
        first: int = 0,
        video_title: str | None = None,
    ) -> Path:
        tick = Fraction(1, 1000) if path.suffix == ".mkv" else Fraction(1, 12800)
        step = int(Fraction(1, 25) / tick)
        times = [first + n * step + (n % 3) * (step // 8) for n in range(30)]
        with av.open(str(path), "w") as out:
            makers = [_video(out, times, tick)]
            makers += [_audio(out, c, Fraction(6, 5), f"l{n}x") for n, c in enumerate(audio)]
            lines = [(100, 400, b"One"), (500, 900, b"Two")]
            makers += [_subtitle(out, codec, lines) for codec in subtitles]
            for maker in makers:
                next(maker)
            if video_title is not None:
                out.streams.video[0].metadata["title"] = video_title
            if extras:
                _add_extras(out)
            packets = [packet for maker in makers for packet in maker]
            for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
                out.mux(packet)
        return path

    return make


def _add_extras(out: Any) -> None:
    out.metadata.update({"title": "The clip", "artist": "Nobody"})
    tick = Fraction(1, 1000)
    out.set_chapters(
        [
            {"id": 1, "start": 0, "end": 600, "time_base": tick, "metadata": {"title": "A"}},
            {"id": 2, "start": 600, "end": 1200, "time_base": tick, "metadata": {"title": "B"}},
        ]
    )
    if out.format.name == "matroska":
        out.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font")
        out.add_attachment("cover.jpg", "image/jpeg", _jpeg())


def _jpeg() -> bytes:
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 16, 16, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    frame = av.VideoFrame(16, 16, "yuvj420p")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.pts = 0
    return bytes(encoder.encode(frame)[0])


@pytest.fixture(scope="session")
def index_of() -> Callable[[Probe], FrameIndex]:
    """Build a frame index from the packets alone, which is right for whole files."""

    def index(facts: Probe) -> FrameIndex:
        with av.open(facts.path) as container:
            stream = container.streams[facts.stream]
            packets = [p for p in container.demux(stream) if p.size]
            kept = sorted((p.pts, p.duration) for p in packets if not p.is_discard)
            base = stream.time_base
        times, last = [pts for pts, _ in kept], max(1, kept[-1][1] or 0)
        return FrameIndex(
            time_base=(base.numerator, base.denominator), pts=times, end=times[-1] + last, starts=[]
        )

    return index


@pytest.fixture(scope="session")
def plan_for() -> Callable[..., EncodePlan]:
    """Plan an encode of a small output with fast presets."""

    def plan(facts: Probe, encoder: str = "x264", container: str = "auto") -> EncodePlan:
        settings = ProcessingSettings(
            encoder=encoder,
            container="png" if encoder == "png" else container,  # type: ignore[arg-type]
            preset=FAST[encoder],  # type: ignore[arg-type]
        )
        return plan_encoding(settings, facts, 128, 96)

    return plan


@pytest.fixture(scope="session")
def encode_segments() -> Callable[..., list[Path]]:
    """Encode frames of known pixels in segments of 12; frame n has the colours of number n."""

    def encode(plan: EncodePlan, frames: int, folder: Path) -> list[Path]:
        paths = []
        for first in range(0, frames, 12):
            path = folder / f"{first:06}.mkv"
            with path.open("wb") as file:
                encoder = SegmentEncoder(plan, file)
                for number in range(first, min(frames, first + 12)):
                    encoder.write(picture(plan, number))
                encoder.close()
            paths.append(path)
        return paths

    return encode


def picture(plan: EncodePlan, number: int) -> Any:
    deep = plan.source_colour.depth > 8
    rgb = np.zeros((3, plan.height, plan.width), np.uint16 if deep else np.uint8)
    rgb[:, :, : plan.width // 2] = plan.source_colour.white // 2
    rgb[number % 3, number % plan.height :] = plan.source_colour.white
    return rgb


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory, make_source: Any) -> Probe:
    """A Matroska file with two sounds, two kinds of subtitles, chapters, a font and a cover."""
    path = tmp_path_factory.mktemp("rich") / "rich.mkv"
    make_source(path, audio=("aac", "libopus"), subtitles=("srt", "ass"), extras=True)
    return probe(path)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, make_source: Any) -> Probe:
    """An MP4 with one sound."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    return probe(make_source(path, audio=("aac",)))


@pytest.fixture(scope="session")
def replace() -> Any:
    return msgspec.structs.replace
