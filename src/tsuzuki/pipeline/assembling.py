"""Assembling an output from its segments, beside its final path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from tsuzuki.durable import (
    PendingFile,
    PendingFolder,
    sha256_of,
    sha256_of_folder,
    usual_mode,
)
from tsuzuki.pipeline import messages as m
from tsuzuki.sessions.pictures import pattern_of
from tsuzuki.video.processor import VideoProcessor


def assemble(
    job: m.Open, video: VideoProcessor, request: m.Combine, progress: Callable[[float], None]
) -> m.Combined:
    """Join segments and streams to a finished file, or pictures to a folder."""
    index, encoding = job.index, job.plan.encoding
    segments = [Path(path) for path in request.segments]
    if encoding.container == "png":
        return _pictures(job, video, Path(request.output), segments, progress)
    with PendingFile(Path(request.output), None, job.session_id, mode=usual_mode()) as pending:
        file = cast(BinaryIO, pending.file)
        video.combine(index, segments, encoding, file, progress)
        size = pending.finish()
    try:
        video.verify(pending.path, index, encoding)
    except BaseException:
        pending.discard()
        raise
    return m.Combined(temporary=str(pending.path), size=size, sha256=sha256_of(pending.path))


def _pictures(
    job: m.Open,
    video: VideoProcessor,
    output: Path,
    segments: list[Path],
    progress: Callable[[float], None],
) -> m.Combined:
    """Write the pictures as files of a folder, or the only one as a file."""
    index, plan, owner = job.index, job.plan.encoding, job.session_id
    pattern = pattern_of(output)
    if pattern is None:
        with PendingFile(output, None, owner, mode=usual_mode()) as file:
            video.combine_pictures(
                index, segments, plan, lambda _, data: _write(file, data), progress
            )
            size = file.finish()
        return m.Combined(temporary=str(file.path), size=size, sha256=sha256_of(file.path))
    with PendingFolder(output.parent, owner) as folder:
        video.combine_pictures(
            index,
            segments,
            plan,
            lambda number, data: folder.add(pattern.path(number).name, data),
            progress,
        )
        folder.finish()
    size, digest = sha256_of_folder(folder.path)
    return m.Combined(temporary=str(folder.path), size=size, sha256=digest)


def _write(pending: PendingFile, data: bytes) -> None:
    pending.file.write(data)
