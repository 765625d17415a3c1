from __future__ import annotations

import pytest

from tsuzuki.errors import StorageError
from tsuzuki.video.combine import combine
from tsuzuki.video.verify import verify_output


@pytest.fixture(params=["mp4", "mkv"])
def output(request, tmp_path, plain, plan_for, index_of, encode_segments):
    plan, index = plan_for(plain, container=request.param), index_of(plain)
    path = tmp_path / f"out.{plan.container}"
    with path.open("wb") as file:
        combine(plain, index, encode_segments(plan, len(index), tmp_path), plan, file)
    return path, index, plan


def test_good_output_passes(output, plain):
    path, index, plan = output
    verify_output(path, index, plan, plain)


def test_missing_frame_is_found(output, plain, replace):
    path, index, plan = output
    longer = replace(index, pts=[*index.pts, index.end], end=index.end + 1)
    with pytest.raises(StorageError, match="30 frames instead of 31"):
        verify_output(path, longer, plan, plain)


def test_wrong_time_is_found(output, plain, replace):
    path, index, plan = output
    tick = 1 if plan.container == "mp4" else 26  # 26/12800 s are more than two milliseconds
    late = [*index.pts[:-1], index.pts[-1] + tick]
    with pytest.raises(StorageError, match="times of frames"):
        verify_output(path, replace(index, pts=late), plan, plain)


def test_wrong_size_is_found(output, plain, replace):
    path, index, plan = output
    with pytest.raises(StorageError, match="height"):
        verify_output(path, index, replace(plan, height=98), plain)


def test_missing_stream_is_found(output, rich):
    path, index, plan = output
    with pytest.raises(StorageError, match="is missing"):
        verify_output(path, index, replace_container(plan), rich)


def replace_container(plan):
    import msgspec

    return msgspec.structs.replace(plan, container="mkv")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_cut_output_is_found(output, plain, share):
    path, index, plan = output
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(StorageError, match="not what was written"):
        verify_output(path, index, plan, plain)
