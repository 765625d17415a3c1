import json

import pytest

from tsuzuki.sessions.frame_index import MAX_SECONDS, MAX_SPAN, decode_index
from tsuzuki.sessions.layout import MAX_FRAMES

FAR = 1 << 62
IMPOSSIBLE = {
    "no frames": {"pts": [], "packets": []},
    "no starts": {"starts": []},
    "a packet too few": {"packets": [0] * 95},
    "times that do not rise": {"pts": [0] * 96},
    "an end within": {"end": 95},
    "an end too far away": {"end": 10**34},
    "a long film": {"end": MAX_SPAN + 1},
    "a clock too far away": {"time_base": [MAX_SECONDS, 1]},
    "times too far away": {"pts": [FAR + n for n in range(96)], "end": FAR + 96},
    "large packet numbers": {"packets": [10**30] * 96},
    "packet numbers too large": {"packets": [MAX_FRAMES + 1] * 96},
    "packets before the first": {"packets": [-1] * 96},
    "a large tick": {"time_base": [2**62, 1]},
    "a tick without end": {"time_base": [1, 0]},
    "a tick back": {"time_base": [-1, 24]},
    "a short tick": {"time_base": [1, 2**31]},
    "a start in a far packet": {"starts": [[0, 10**18, 0, 0, None, 1]]},
    "a start in a packet behind the last": {"starts": [[0, 96, 0, 0, None, 1]]},
    "a start in a packet before the first": {"starts": [[0, -1, 0, 0, None, 1]]},
    "a start behind the last frame": {"starts": [[0, 0, 0, 0, None, 1], [96, 50, 50, 50, None, 1]]},
    "a late first start": {"starts": [[1, 1, 1, 1, None, 1]]},
    "starts that do not rise": {"starts": [[0, 0, 0, 0, None, 1], [0, 1, 1, 1, None, 1]]},
    "starts of falling packets": {"starts": [[0, 9, 0, 0, None, 1], [12, 8, 12, 12, None, 1]]},
    "a far time of a start": {"starts": [[0, 0, FAR + 1, 0, None, 1]]},
    "a far decoding time": {"starts": [[0, 0, 0, -FAR - 1, None, 1]]},
    "a place before the file": {"starts": [[0, 0, 0, 0, -1, 1]]},
    "a large packet": {"starts": [[0, 0, 0, 0, None, 10**30]]},
    "damage behind the last frame": {"failed": [96]},
    "a first frame that no video has": {"first": MAX_FRAMES - 95},
    "damage that does not rise": {"failed": [3, 3]},
    "text": {"pts": ["soon"]},
    "frames of no source": {"shown": list(range(96))},
}


@pytest.mark.parametrize("change", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_index_that_no_video_has_is_refused(index, change):
    assert len(decode_index(json.dumps(index()).encode())) == 96
    with pytest.raises(ValueError, match=r"it|Expected"):
        decode_index(json.dumps(index() | change).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"time_base": [1, 2**31 - 1]},
        {"pts": [-FAR + n for n in range(96)], "end": 96 - FAR, "time_base": [1, 10**9]},
        {"starts": [[-40, 0, -40, None, 0, 1], [95, 95, 95, 95, FAR, 0]]},
        {"packets": [MAX_FRAMES] * 96},
        {"first": MAX_FRAMES - 96},
        {"failed": [0, 95]},
    ],
)
def test_what_is_within_the_bounds_is_read(index, change):
    assert len(decode_index(json.dumps(index() | change).encode())) == 96


def retimed(own, shown, **more):
    """Return an index that shows these frames of another."""
    frames = {"pts": list(range(len(shown))), "packets": [0] * len(shown), "end": 96}
    return own | frames | {"starts": [[0, 0, 0, 0, None, 1]], "shown": shown} | more


@pytest.mark.parametrize("shown", [[0], [95], [0, 0, 95], list(range(0, 96, 2))])
def test_frames_may_show_those_of_a_source(index, shown):
    read = decode_index(json.dumps(retimed(index(), shown, source=index())).encode())
    assert (len(read), read.shown, len(read.source)) == (len(shown), shown, 96)


@pytest.mark.parametrize(
    ("shown", "source"),
    [
        ([0, 1], {"shown": [0]}),
        ([0, 1], {"shown": []}),
        ([1, 0], {}),
        ([96], {}),
        ([0], {"source": {"end": 95}}),
        ([0], {"source": {"failed": [96]}}),
    ],
    ids=["too few", "none", "falling", "behind its end", "broken source", "its damage"],
)
def test_frames_of_a_source_that_no_video_has_are_refused(index, shown, source):
    whole = {"source": index() | source.pop("source", {})} | source
    with pytest.raises(ValueError, match="it"):
        decode_index(json.dumps(retimed(index(), shown) | whole).encode())


def test_a_source_has_no_source(index):
    inner = retimed(index(), [0, 1], source=index())
    with pytest.raises(ValueError, match="not whole"):
        decode_index(json.dumps(retimed(index(), [0, 1], source=inner)).encode())
