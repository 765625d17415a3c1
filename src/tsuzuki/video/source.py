"""Opening a local video file, and nothing else."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from tsuzuki.durable import storage_error
from tsuzuki.errors import (
    DamagedVideoError,
    InputError,
    InputNotFoundError,
    InputPermissionError,
    NotAVideoError,
    TsuzukiError,
    UnsupportedVideoError,
)
from tsuzuki.sessions.pictures import files_of
from tsuzuki.video.pictures import is_picture, picture_options

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,ogg,asf,mxf,nut,gif,apng,"
    "yuv4mpegpipe,ivf,h264,hevc,vvc,obu,m4v,mpegvideo,vc1,dv,rm"
)
"""Demuxers that read one file and can name no other: no playlists, no ``concat``, no pictures."""

MAX_SIDE = 16384
"""Longest width or height in pixels."""
MAX_STREAMS = 256
MAX_ATTACHED = 256 << 20
"""Bytes of all attachments, such as fonts; they are held in memory, more than once."""
_PIECE = 1 << 20

_MAGIC = (
    (4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"moof"), (4, b"free"), (4, b"wide"),
    (0, b"\x1aE\xdf\xa3"), (0, b"RIFF"), (0, b"FLV\x01"), (0, b"OggS"), (0, b"\x00\x00\x01\xba"),
    (0, b"\x00\x00\x01\xb3"), (0, b"0&\xb2u\x8ef\xcf\x11"), (0, b"\x06\x0e+4"), (0, b"nut/"),
    (0, b"GIF8"), (0, b"YUV4MPEG2"), (0, b"DKIF"), (0, b".RMF"), (0, b"\x00\x00\x00\x01"),
)  # fmt: skip
"""Offset and bytes by which the head of a video file is known, even if the rest is damaged."""


_LENIENT: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)
"""Titles that are no UTF-8 must not keep a video from opening; from PyAV 19 on they never do."""


@contextmanager
def open_source(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    """Open a local video file for reading; it is closed at the end of the ``with`` block.

    Every failure to open is an error of `tsuzuki.errors` that says what to do.
    """
    name = os.fspath(path)
    if "\0" in name:
        raise InputNotFoundError(f"There is no file {name!r}. Check the name.", path=name)
    for file in files_of(name) if name not in _stand_ins else ():
        _check_file(str(file))
    try:
        container = _open(name)
    except (av.error.FFmpegError, UnicodeError, ValueError) as error:
        raise _cannot_open(name, error) from error
    with container:
        _check_streams(container, name)
        for owner in (container, *container.streams):
            _make_readable(owner.metadata)
        yield container


@contextmanager
def standing_in(path: str, file: io.RawIOBase) -> Iterator[None]:
    """Have ``file`` read where ``path`` is opened, in all threads, until the end of the block."""
    _stand_ins[path] = file
    try:
        yield
    finally:
        del _stand_ins[path]


_stand_ins: dict[str, io.RawIOBase] = {}


def _open(name: str) -> Any:
    """Open a video by its content, pictures by their names: only these may be pictures."""
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    if (file := _stand_ins.get(name)) is not None:
        file.seek(0)
        return av.open(file, mode="r", options=options, **_LENIENT)
    if not is_picture(name):
        return av.open(f"file:{name}", mode="r", options=options, **_LENIENT)
    url, chosen = picture_options(name)
    options |= {"format_whitelist": "image2"} | chosen
    return av.open(f"file:{url}", mode="r", format="image2", options=options, **_LENIENT)


def main_stream(container: InputContainer) -> VideoStream:
    """Return the stream to upscale: a moving one, by default flag, then by size.

    Raises `NotAVideoError` if there is none.
    """
    found = [s for s in container.streams.video if not is_cover(s)]
    if not found:
        raise NotAVideoError(
            f"'{_path_of(container)}' has no video stream, only sound or still pictures. "
            "Choose a file with moving pictures.",
            path=_path_of(container),
        )
    return max(found, key=_rank)


def _rank(stream: VideoStream) -> tuple[bool, bool, int, int]:
    default = bool(int(stream.disposition) & 1)
    decoder = stream.codec_context  # None where the codec is unknown
    pixels = decoder.width * decoder.height if decoder else 0
    return (pixels > 0, default, pixels, -stream.index)


def is_cover(stream: Stream) -> bool:
    """Tell whether the stream is a still picture that travels with the file."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def codec_name(stream: Stream) -> str:
    """Return FFmpeg's name of the codec, whichever decoder is used; empty for an unknown one."""
    context = stream.codec_context
    return "" if context is None else context.codec.canonical_name


def prepare_decoder(stream: VideoStream) -> None:
    """Make the decoder of a stream give the same frames on every machine.

    One thread, since threads conceal damage differently from run to run; frames tell by
    ``opaque`` which packet they came from.
    """
    decoder = stream.codec_context
    decoder.thread_type = "NONE"
    decoder.thread_count = 1
    decoder.flags |= av.codec.context.Flags.bitexact
    decoder.copy_opaque = True


def check_size(width: int, height: int, path: str) -> None:
    """Raise an error unless a frame of this size can be worked on."""
    if width < 1 or height < 1:
        raise DamagedVideoError(
            f"The size of the picture of '{path}' cannot be read; the file is damaged or cut off. "
            "Get it again from where it came, or repair it with another program.",
            path=path,
        )
    check_not_too_large(width, height, path)


def check_not_too_large(width: int, height: int, path: str) -> None:
    """Raise `UnsupportedVideoError` for a frame that is too large, be its size known or not."""
    if max(width, height) > MAX_SIDE:
        raise UnsupportedVideoError(
            f"The picture of '{path}' is {width}x{height}; at most {MAX_SIDE} pixels a side are "
            "supported. Make it smaller first.",
            path=path,
        )


def fails_to_read(error: OSError, path: str) -> bool:
    """Tell whether the disk is at fault: FFmpeg says EIO for some damage in the file, too."""
    if error.errno != errno.EIO:
        return True
    try:
        for name in files_of(path):
            with name.open("rb", buffering=0) as file:
                while file.read(_PIECE):
                    pass
    except OSError:
        return True
    return False


def _make_readable(tags: dict[str, str]) -> None:
    """Replace bytes that are no UTF-8, which PyAV 19 keeps as lone surrogates nobody can encode."""
    for key, value in tags.items():
        tags[key] = value.encode(errors="surrogateescape").decode(errors="replace")


def _path_of(container: InputContainer) -> str:
    return container.name.removeprefix("file:")


def _check_streams(container: InputContainer, name: str) -> None:
    """Raise `UnsupportedVideoError` for more streams, or more in attachments, than any film has."""
    if len(container.streams) > MAX_STREAMS:
        raise UnsupportedVideoError(
            f"'{name}' has {len(container.streams)} streams; at most {MAX_STREAMS} are "
            "supported. Copy the ones you need to a new file first.",
            path=name,
        )
    sizes = [len(stream.data or b"") for stream in container.streams.attachments]
    if sum(sizes) > MAX_ATTACHED or 0 in sizes:  # without data where memory did not suffice
        raise UnsupportedVideoError(
            f"The attachments of '{name}' are too large; at most {MAX_ATTACHED >> 20} MB in all "
            "are supported. Copy the video to a new file without them first.",
            path=name,
        )


def _check_file(name: str) -> None:
    try:
        facts = Path(name).stat()
        if stat.S_ISREG(facts.st_mode):
            with Path(name).open("rb"):
                pass
    except PermissionError as error:
        raise InputPermissionError(
            f"'{name}' may not be read by this user. Change its permissions or copy it.", path=name
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputNotFoundError(
            f"There is no file '{name}'. Check the name, and that its disk is connected.", path=name
        ) from error
    except OSError as error:
        raise storage_error(error, Path(name)) from error
    if stat.S_ISDIR(facts.st_mode):
        raise NotAVideoError(f"'{name}' is a folder. Choose a video file in it.", path=name)
    if not stat.S_ISREG(facts.st_mode):
        raise NotAVideoError(
            f"'{name}' is no plain file but a device or a pipe. Save the video as a file first.",
            path=name,
        )
    if facts.st_size == 0:
        raise NotAVideoError(f"'{name}' is empty. Copy or download it again.", path=name)


def _cannot_open(name: str, error: Exception) -> TsuzukiError:
    if isinstance(error, UnicodeError):
        return InputError(f"The name {name!r} cannot be used. Rename the file.", path=name)
    if isinstance(error, PermissionError):
        return InputPermissionError(f"'{name}' may not be read by this user.", path=name)
    if isinstance(error, OSError) and fails_to_read(error, name):
        return storage_error(error, Path(name))
    if _looks_like_video(name):
        return DamagedVideoError(
            f"'{name}' is a video, but too damaged to open; its end or its index may be missing, "
            "as after a broken download or recording. Get it again from where it came, or repair "
            "it with another program.",
            path=name,
        )
    return NotAVideoError(
        f"'{name}' is not a video that can be read: sound, text and playlists are not. Choose a "
        "video file such as MP4, MKV, WebM, MOV, AVI or TS, or a picture such as PNG or JPEG.",
        path=name,
    )


def _looks_like_video(name: str) -> bool:
    if is_picture(name):
        return True
    with Path(name).open("rb") as file:
        head = file.read(1024)
    if len(head) > 188 and head[0] == head[188] == 0x47:  # MPEG transport stream
        return True
    return any(head[at : at + len(magic)] == magic for at, magic in _MAGIC)
