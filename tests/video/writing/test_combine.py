from __future__ import annotations

import hashlib
import io
from fractions import Fraction

import av
import pytest

from tsuzuki.errors import SessionDamagedError
from tsuzuki.settings import SOFTWARE_ENCODERS
from tsuzuki.video.combine import combine
from tsuzuki.video.containers import check_streams
from tsuzuki.video.probe import probe
from tsuzuki.video.timecode import timecode_in
from tsuzuki.video.verify import verify_output

MILLISECOND = Fraction(1, 1000)


def packets_of(container, stream):
    """Time and digest of every packet, in order of presentation."""
    return sorted(
        (p.pts * p.time_base, hashlib.sha256(bytes(p)).hexdigest())
        for p in container.demux(stream)
        if p.size and p.pts is not None
    )


class Result:
    """One combined output, read again."""

    def __init__(self, path):
        self.path = path
        with av.open(str(path)) as container:
            self.metadata, self.chapters = dict(container.metadata), container.chapters()
            self.streams = [
                (s.type, s.metadata.get("language"), int(s.disposition)) for s in container.streams
            ]
        self.times = [time for time, _ in self.packets("video")]

    def packets(self, kind, number=0):
        with av.open(str(self.path)) as container:
            return packets_of(container, getattr(container.streams, kind)[number])

    def context(self):
        with av.open(str(self.path)) as container:
            context = container.streams.video[0].codec_context
            return context.codec_tag, context.sample_aspect_ratio

    def frames(self):
        with av.open(str(self.path)) as container:
            return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


@pytest.fixture
def joined(tmp_path, plan_for, index_of, encode_segments):
    def join(facts, encoder="x264", container="auto", *, index=None, plan=None, ranged=False):
        plan = plan or plan_for(facts, encoder, container)
        index = index or index_of(facts)
        segments = encode_segments(plan, len(index), tmp_path)
        digests = []
        for name in ("first", "second"):
            path = tmp_path / f"{name}.{plan.container}"
            with path.open("wb") as file:
                combine(facts, index, segments, plan, file, ranged=ranged)
            digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
        assert digests[0] == digests[1]
        verify_output(path, index, plan, facts)
        return Result(path)

    return join


def assert_in_sync(result, facts, kind="audio", number=0, within=Fraction(0)):
    """The packets are the source's, as far from the video's start as there."""
    with av.open(facts.path) as source:
        wanted = packets_of(source, getattr(source.streams, kind)[number])
    with av.open(facts.path) as source:
        start = packets_of(source, source.streams.video[0])[0][0]
    found = result.packets(kind, number)
    assert [digest for _, digest in found] == [digest for _, digest in wanted]
    for (time, _), (original, _) in zip(found, wanted, strict=True):
        assert abs((time - result.times[0]) - (original - start)) <= within


@pytest.mark.parametrize(
    ("encoder", "container"),
    [
        (e, c)
        for e in SOFTWARE_ENCODERS
        if e != "png"
        for c in ("mov" if e == "prores" else "mp4", "mkv")
    ]
    + [("svt-av1", "webm"), ("vp9", "webm"), ("x265", "mov")],
)
def test_times_are_the_sources(encoder, container, tmp_path, make_source, index_of, joined):
    facts = probe(make_source(tmp_path / "source.mkv"))
    result = joined(facts, encoder, container)
    assert result.times == [pts * MILLISECOND for pts in index_of(facts).pts]
    assert len(result.frames()) == 30


def test_mp4_times_are_exact_and_sound_stays_in_sync_to_the_tick(plain, index_of, joined):
    result = joined(plain)
    tick = Fraction(*index_of(plain).time_base)
    assert result.times == [pts * tick for pts in index_of(plain).pts]
    assert_in_sync(result, plain)


@pytest.mark.parametrize("first", [1, 4321])
def test_late_start_of_the_video_is_kept_to_the_tick(first, tmp_path, make_source, joined):
    facts = probe(make_source(tmp_path / "late.mp4", audio=("aac",), first=first))
    result = joined(facts)
    assert_in_sync(result, facts)


def test_mp4_to_matroska_moves_nothing_by_more_than_a_millisecond(plain, joined):
    assert_in_sync(joined(plain, container="mkv"), plain, within=MILLISECOND)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_transport_stream_starts_at_zero_and_its_aac_loses_the_wrapping(
    container, tmp_path, make_source, joined
):
    facts = probe(make_source(tmp_path / "source.ts", audio=("aac",)))
    result = joined(facts, container=container)
    with av.open(facts.path) as source:
        original = packets_of(source, source.streams.video[0])[0][0]
    with av.open(facts.path) as source:
        wanted = packets_of(source, source.streams.audio[0])
    found = result.packets("audio")
    assert min(result.times[0], found[0][0]) == 0
    assert len(found) == len(wanted)
    for (time, _), (before, _) in zip(found, wanted, strict=True):
        assert abs((time - result.times[0]) - (before - original)) <= MILLISECOND
    with av.open(str(result.path)) as output:
        assert sum(f.samples for f in output.decode(audio=0)) >= 57600


def test_everything_is_carried_over(rich, joined):
    result = joined(rich)
    for number in range(2):
        assert_in_sync(result, rich, "audio", number)
        assert_in_sync(result, rich, "subtitles", number)
    with av.open(rich.path) as source:
        wanted = [(s.type, s.metadata.get("language"), int(s.disposition)) for s in source.streams]
        assert result.streams == wanted
        assert result.chapters == source.chapters()
        assert result.metadata["title"] == "The clip"
        assert result.metadata["ARTIST"] == "Nobody"
        with av.open(str(result.path)) as output:
            font, cover = output.streams.attachments[0], output.streams.video[1]
            assert font.data == source.streams.attachments[0].data
            assert font.name == "font.ttf"
            assert cover.metadata["mimetype"] == "image/jpeg"
            assert packets_of_cover(output) == packets_of_cover(source)


def packets_of_cover(container):
    return [bytes(p) for p in container.demux(container.streams.video[1]) if p.size]


def test_plain_text_subtitles_survive_the_way_to_mp4(tmp_path, make_source, joined):
    facts = probe(make_source(tmp_path / "clip.mkv", audio=("aac",), subtitles=("srt",)))
    result = joined(facts, container="mp4")
    with av.open(str(result.path)) as output:
        stream = output.streams.subtitles[0]
        assert stream.codec_context.name == "mov_text"
        texts = [
            (p.pts * p.time_base, p.duration * p.time_base, bytes(p)[2:])
            for p in output.demux(stream)
            if p.size > 2
        ]
    assert texts == [
        (Fraction(1, 10), Fraction(3, 10), b"One"),
        (Fraction(1, 2), Fraction(2, 5), b"Two"),
    ]
    assert_in_sync(result, facts, within=MILLISECOND)


def test_rotation_pixel_shape_and_codec_tag_are_kept(plain, replace, plan_for, joined):
    turned = replace(plain, rotation=90, sample_aspect_ratio=(8, 9))
    result = joined(turned, plan=plan_for(turned, "x265"))
    assert result.context() == ("hvc1", Fraction(8, 9))
    with av.open(str(result.path)) as container:
        assert next(container.decode(video=0)).rotation == 90


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_mirror_is_kept(plain, replace, plan_for, joined, container):
    mirrored = replace(plain, rotation=270, mirrored=True)
    facts = probe(joined(mirrored, plan=plan_for(mirrored, container=container)).path)
    assert (facts.rotation, facts.mirrored) == (270, True)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_range_starts_at_zero_with_the_sound_of_that_moment(
    container, rich, plain, joined, index_of, replace
):
    facts = rich if container == "mkv" else plain
    whole = index_of(facts)
    part = replace(whole, pts=whole.pts[10:20], end=whole.pts[20])
    result = joined(facts, index=part, ranged=True)
    tick = Fraction(*whole.time_base)
    assert result.times == [(pts - part.pts[0]) * tick for pts in part.pts]
    with av.open(facts.path) as source:
        first, after = part.pts[0] * tick, part.end * tick
        wanted = [
            (time - first, digest)
            for time, digest in packets_of(source, source.streams.audio[0])
            if first <= time < after
        ]
    found = result.packets("audio")
    assert [d for _, d in found] == [d for _, d in wanted]
    for (time, _), (original, _) in zip(found, wanted, strict=True):
        assert abs(time - original) <= Fraction(1, 2000)
    spans = [(c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in result.chapters]
    if container == "mkv":
        assert spans == [(0, Fraction(3, 5) - first), (Fraction(3, 5) - first, after - first)]


def test_a_range_of_a_further_video_begins_with_a_key_frame(
    tmp_path, make_clip, joined, index_of, replace
):
    options = {"preset": "ultrafast", "threads": "1", "g": "10", "x264-params": "scenecut=0"}
    one = make_clip(tmp_path / "one.mkv", "libx264", options, "yuv420p", range(30))
    both = tmp_path / "both.mkv"
    with av.open(str(one)) as source, av.open(str(both), "w") as out:
        streams = [out.add_stream_from_template(source.streams[0], opaque=True) for _ in "12"]
        for packet in source.demux(video=0):
            for stream in streams if packet.size else ():
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                out.mux(copy)
    facts = probe(both)
    part = replace(index_of(facts), pts=index_of(facts).pts[15:])
    result = joined(facts, index=part, ranged=True)
    with av.open(str(result.path)) as output:
        kept = [packet for packet in output.demux(video=1) if packet.size]
    assert kept[0].is_keyframe
    assert len(kept) == 10


def test_a_range_of_sound_that_is_timed_by_its_packets_stays_in_sync(
    tmp_path, make_source, joined, index_of, replace
):
    source = make_source(tmp_path / "clip.avi", audio=("libmp3lame",))
    facts = probe(source)
    with av.open(str(source)) as container:
        assert container.streams.audio[0].time_base > Fraction(1, 50)
    whole = index_of(facts)
    part = replace(whole, pts=whole.pts[10:20], end=whole.pts[20])
    result = joined(facts, index=part, ranged=True)
    first, after = (time * Fraction(*whole.time_base) for time in (part.pts[0], part.end))
    with av.open(str(source)) as container:
        times = [time for time, _ in packets_of(container, container.streams.audio[0])]
    found = [time for time, _ in result.packets("audio")]
    wanted = [time - first for time in times if first <= time < after]
    assert len(wanted) > 5
    assert found == pytest.approx(wanted, abs=0.001)


@pytest.fixture
def with_timecode(tmp_path, make_source):
    """Make a MOV with a track of timecode, at 25 frames a second."""

    def make(timecode="01:00:00:00"):
        plain, path = make_source(tmp_path / "plain.mkv"), tmp_path / "timed.mov"
        with av.open(str(plain)) as source, av.open(str(path), "w") as out:
            stream = out.add_stream_from_template(source.streams[0], opaque=True)
            stream.metadata["timecode"] = timecode
            stream.codec_context.framerate = Fraction(25)
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
        return path

    return make


def timecode_of(path):
    with av.open(str(path)) as container:
        tracks = [found for s in container.streams if (found := timecode_in(s.metadata))]
        return tracks, any(s.type == "data" for s in container.streams)


@pytest.mark.parametrize("container", ["mov", "mp4", "mkv"])
def test_the_timecode_is_kept(container, with_timecode, joined, replace, plan_for):
    path = with_timecode()
    assert timecode_of(path) == (["01:00:00:00"] * 2, True)
    facts = replace(probe(path), frame_rate=(25, 1))
    assert facts.timecode == "01:00:00:00"
    plan = plan_for(facts, container=container)
    assert check_streams(container, facts, plan) == []
    found, track = timecode_of(joined(facts, plan=plan).path)
    assert set(found) == {"01:00:00:00"}
    assert track == (container != "mkv")


def test_the_timecode_of_a_part_is_that_of_its_first_frame(
    with_timecode, joined, replace, index_of
):
    facts = replace(probe(with_timecode("01:00:00:20")), frame_rate=(25, 1))
    whole = index_of(facts)
    part = replace(whole, pts=whole.pts[10:], first=10)
    assert set(timecode_of(joined(facts, index=part, ranged=True).path)[0]) == {"01:00:01:05"}


def test_metadata_that_telephones_make_up_stays_in_mp4(tmp_path, plain, joined):
    path = tmp_path / "telephone.mp4"
    options = {"movflags": "use_metadata_tags"}
    with av.open(plain.path) as source, av.open(str(path), "w", options=options) as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in source.streams}
        out.metadata.update({"com.maker.lens": "wide", "title": "Away"})
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    result = joined(probe(path))
    with av.open(str(result.path)) as container:
        assert container.metadata["com.maker.lens"] == "wide"
        assert container.metadata["title"] == "Away"


def test_frames_come_out_in_order(plain, plan_for, joined, replace):
    plan = replace(plan_for(plain, "ffv1", "mkv"), pixel_format="bgr0", matrix=0, full_range=True)
    frames = joined(plain, plan=plan).frames()
    for number, frame in enumerate(frames):
        assert frame[-1, -1, number % 3] == 255
        assert frame[number - 1 if number else 0, -1].sum() in {0, 255}
    assert len(frames) == 30


def test_segments_that_do_not_fit_are_refused(
    plain, plan_for, index_of, encode_segments, tmp_path, replace
):
    plan, index = plan_for(plain), index_of(plain)
    segments = encode_segments(plan, len(index), tmp_path)
    with pytest.raises(SessionDamagedError, match="hold 24 frames, the video has 30"):
        combine(plain, index, segments[:2], plan, io.BytesIO())
    segments[1].write_bytes(segments[1].read_bytes()[:900])
    with pytest.raises(SessionDamagedError, match="Resume the session"):
        combine(plain, index, segments, plan, io.BytesIO())


@pytest.mark.parametrize("encoder", ["x264", "x265", "svt-av1"])
@pytest.mark.parametrize("odd", [(0,), (2,), (0, 1), (1, 2)])
def test_segments_that_the_present_encoder_would_not_make_are_named(
    encoder, odd, plain, plan_for, index_of, encode_segments, tmp_path, replace
):
    plan, index = plan_for(plain, encoder, "mkv"), index_of(plain)
    (tmp_path / "earlier").mkdir()
    earlier = encode_segments(replace(plan, full_range=True), len(index), tmp_path / "earlier")
    segments = encode_segments(plan, len(index), tmp_path)
    for number in odd:
        segments[number] = earlier[number]
    with pytest.raises(SessionDamagedError, match=r"codec header .* Delete these files") as caught:
        combine(plain, index, segments, plan, io.BytesIO())
    assert caught.value.details["paths"] == [str(earlier[number]) for number in odd]
    assert all(earlier[number].name in caught.value.message for number in odd)


def test_progress_is_told(plain, plan_for, index_of, encode_segments, tmp_path):
    plan, index = plan_for(plain), index_of(plain)
    segments = encode_segments(plan, len(index), tmp_path)
    told = []
    combine(plain, index, segments, plan, io.BytesIO(), on_progress=lambda *done: told.append(done))
    assert told[-1] == (30, 30)


class Full(io.BytesIO):
    """A disk that is full after some bytes."""

    def write(self, data):
        if self.tell() + len(data) > 3000:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_full_disk_is_an_error(plain, plan_for, index_of, encode_segments, tmp_path):
    plan, index = plan_for(plain), index_of(plain)
    segments = encode_segments(plan, len(index), tmp_path)
    with pytest.raises(OSError, match="No space left"):
        combine(plain, index, segments, plan, Full())


@pytest.mark.parametrize(
    "name",
    [
        "bbb_everything.mkv",
        "bbb_vfr.mkv",
        "elf_rot90.mp4",
        "elf_sar8x9.mp4",
        "bbb_480i_tff.ts",
        "androidx_sample.avi",
        "androidx_sample.flv",
        "androidx_sample_fragmented.mp4",
        "androidx_sample_portrait.mp4",
        "androidx_sample_with_chapters.mp4",
        "androidx_sample_with_ass_subtitles.mkv",
        "androidx_sample_with_pgs_subtitles.mkv",
        "androidx_sample_with_srt.mkv",
        "androidx_sample_with_vobsub.mkv",
        "androidx_hlg10-color-test.mp4",
    ],
)
def test_real_clips(name, media, joined):
    facts = probe(media / name)
    result = joined(facts)
    within = Fraction(0) if facts.container == "mp4" else MILLISECOND
    if any(stream.kind == "audio" for stream in facts.streams):
        assert_in_sync(result, facts, within=within)
    assert len(result.chapters) == facts.chapters
