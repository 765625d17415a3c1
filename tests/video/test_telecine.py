"""Telecined film and video at the rate of television in one clip, as on many discs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsuzuki.errors import SettingsError
from tsuzuki.sessions.frame_index import FrameIndex, check_index
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.decode import Frame, FrameReader
from tsuzuki.video.fields import method_for
from tsuzuki.video.probe import probe
from tsuzuki.video.processor import VideoProcessor, decide_encoding

Digests = Callable[..., list[str]]
WIDTH, HEIGHT = 160, 64
FILM, VIDEO = 48, 20
"""Frames of film, that become 60, and frames of video after them."""
RATE = Fraction(30000, 1001)


def picture(moment: int) -> np.ndarray:
    """A bar that moves by four pixels from moment to moment, and stripes that stand still."""
    shown = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    shown[:, 120::4] = 90
    shown[:, 4 * (moment % 25) : 4 * (moment % 25) + 12] = 220
    return shown


def fields() -> Iterator[int]:
    """Yield the moment that each field shows: film for three fields and two, then video."""
    for frame in range(FILM):
        yield from [frame] * (3 if frame % 2 else 2)
    yield from range(FILM, FILM + 2 * VIDEO)


def telecine(path: Path, moments: list[int], *, pixel_format: str = "yuv420p") -> Path:
    """Write the moments that fields show, two to a frame, the even lines first."""
    codec = "mpeg2video" if pixel_format == "yuv420p" else "ffv1"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.options = {"flags": "+ildct+ilme"} if codec == "mpeg2video" else {}
        stream.bit_rate = 20_000_000
        for number in range(len(moments) // 2):
            woven = picture(moments[2 * number])
            woven[1::2] = picture(moments[2 * number + 1])[1::2]
            frame = av.VideoFrame.from_ndarray(woven, format="rgb24")
            frame.pts, frame.time_base = number, 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[VideoProcessor, FrameIndex]:
    path = telecine(tmp_path_factory.mktemp("film") / "film.mpg", list(fields()))
    video = VideoProcessor(probe(path), ProcessingSettings())
    return video, video.index(lambda _: None)


def bar(frame: Frame) -> int:
    """Return where the bar begins, in moments."""
    columns = np.flatnonzero(frame.rgb[1].mean(0)[:112] > 180)
    return round(columns[0] / 4) if len(columns) else -1


def combs(frame: Frame) -> float:
    lines = frame.rgb.astype(float)
    return float(np.abs(lines[:, 1:-1] - (lines[:, :-2] + lines[:, 2:]) / 2).mean())


def test_every_frame_of_the_film_is_there_once(film: tuple[VideoProcessor, FrameIndex]) -> None:
    video, index = film
    assert video.facts.interlaced
    assert video.facts.telecined
    frames = list(video.reader(index).frames(0, len(index)))
    assert [frame.number for frame in frames] == list(range(FILM + VIDEO))
    assert [bar(frame) for frame in frames[:FILM]] == [n % 25 for n in range(FILM)]
    # Where the film ends, a field has no partner; everything else is whole.
    assert all(combs(frame) < 1 for frame in frames[: FILM - 1])


def test_film_gets_its_own_rate_and_video_keeps_its_times(
    film: tuple[VideoProcessor, FrameIndex],
) -> None:
    _, index = film
    check_index(index)
    tick = Fraction(*index.time_base)
    times = [(pts - index.pts[0]) * tick for pts in index.pts]
    assert times[:FILM] == [n * Fraction(1001, 24000) for n in range(FILM)]
    assert times[FILM:] == [(FILM * 5 // 4 + n) / RATE for n in range(VIDEO)]
    source = index.source
    assert source is not None
    assert index.end * tick == source.end * Fraction(*source.time_base)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ranges=st.lists(
        st.tuples(st.integers(0, FILM + VIDEO - 1), st.integers(1, 20)), min_size=1, max_size=3
    )
)
def test_any_range_gives_the_same_frames(
    film: tuple[VideoProcessor, FrameIndex], digests: Digests, ranges: list[tuple[int, int]]
) -> None:
    video, index = film
    if video.facts.path not in _wholes:
        _wholes[video.facts.path] = digests(video.reader(index).frames(0, len(index)))
    whole = _wholes[video.facts.path]
    reader = video.reader(index)
    for first, length in ranges:
        last = min(first + length, len(index))
        assert digests(reader.frames(first, last)) == whole[first:last]


_wholes: dict[str, list[str]] = {}


HALTING = [n - (n > 3) - (n > 12) for n in range(20)]
"""Moments of whole frames, of which two repeat the one before."""


@pytest.mark.parametrize("film_frames", [0, FILM])
def test_parts_that_are_no_film_keep_all_frames(tmp_path: Path, film_frames: int) -> None:
    """Whole frames with a repeat now and then, film, and interlaced video."""
    film_moments = [HALTING[-1] + 1 + n for n in range(film_frames)]
    moments = [moment for moment in HALTING for _ in range(2)]
    moments += [moment for n, moment in enumerate(film_moments) for _ in range(3 if n % 2 else 2)]
    moments += [moments[-1] + 3 * field for field in range(1, 2 * VIDEO + 1)]
    path = telecine(tmp_path / "hybrid.mkv", moments)
    video = VideoProcessor(probe(path), ProcessingSettings(deinterlace="ivtc"))
    index = video.index(lambda _: None)
    check_index(index)
    whole = [*HALTING, *film_moments]
    assert len(index) == len(whole) + VIDEO
    frames = list(video.reader(index).frames(0, len(index)))
    assert [bar(frame) for frame in frames[: len(whole)]] == [moment % 25 for moment in whole]
    assert all(combs(frame) < 1 for frame in frames)  # video is made whole by bwdif
    repeats = film_frames // 4
    told = f"{repeats} of {len(moments) // 2}" if repeats else "all frames are kept"
    assert told in index.warnings[-1]


def test_a_range_of_the_video_is_a_range_of_the_film(
    film: tuple[VideoProcessor, FrameIndex],
) -> None:
    chosen = ProcessingSettings(range_start=1, range_end=2)  # type: ignore[arg-type]
    video = VideoProcessor(film[0].facts, chosen)
    index = video.index(lambda _: None)
    check_index(index)
    assert 23 <= len(index) <= 26
    numbers = [bar(frame) for frame in video.reader(index).frames(0, len(index))]
    assert len(set(numbers[:24])) == 24


def test_what_is_done_is_told(film: tuple[VideoProcessor, FrameIndex]) -> None:
    facts = film[0].facts
    for how, code in (("auto", "inverse-telecined"), ("on", "deinterlaced"), ("off", "interlaced")):
        chosen = ProcessingSettings(deinterlace=how, container="mkv")  # type: ignore[arg-type]
        chosen, plan = decide_encoding(facts, chosen, None)
        assert VideoProcessor(facts, chosen).losses(plan)[0].code == code
        assert plan.frame_rate == ((24000, 1001) if how == "auto" else (30000, 1001))


def test_only_formats_whose_fields_can_be_matched(tmp_path: Path) -> None:
    facts = probe(telecine(tmp_path / "deep.mkv", list(fields()), pixel_format="yuv420p10le"))
    assert method_for("auto", facts) != "ivtc"
    with pytest.raises(SettingsError, match="--deinterlace on"):
        method_for("ivtc", facts)


def test_video_is_no_film(tmp_path: Path) -> None:
    facts = probe(telecine(tmp_path / "video.mpg", list(range(100))))
    assert facts.interlaced
    assert not facts.telecined


def test_a_still_part_is_no_film(tmp_path: Path) -> None:
    facts = probe(telecine(tmp_path / "still.mpg", [0] * 80 + list(range(60))))
    assert facts.interlaced
    assert not facts.telecined


def test_frames_that_are_not_shown_are_not_converted(
    film: tuple[VideoProcessor, FrameIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    video, index = film
    converted: list[Any] = []
    to_rgb = FrameReader._to_rgb
    monkeypatch.setattr(
        FrameReader, "_to_rgb", lambda self, one: converted.append(one) or to_rgb(self, one)
    )
    frames = list(video.reader(index).frames(0, 8, without=frozenset({1, 2})))
    assert len(converted) == 6
    assert [frame.number for frame in frames if not frame.rgb.size] == [1, 2]
