"""What a session in a store consists of: names and digests of its files.

    <address>/<session id>/objects/<sha256>             the files, by their contents
                           manifests/manifest-N.json    what the session is, as holder N of the
                                                        lease left it; the highest counts
                           leases/lease-N.json

Objects come first, those of data before those of records before those of the summary; then the
manifest is replaced in one step. So a manifest never names what is not there, and nothing that is
there counts until one names it.
"""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from tsuzuki.cloud.store import Store
from tsuzuki.errors import CloudError, SessionError
from tsuzuki.sessions.layout import (
    SessionPaths,
    number_of_frame,
    number_of_record,
    number_of_segment,
    number_of_upscaled,
)
from tsuzuki.sessions.sealed import seal, unseal

VERSION = 1
MAX_BYTES = 1 << 27
_NAME = re.compile(r"manifest-([0-9]{9})\.json")


class Kind(IntEnum):
    """The order in which files travel."""

    DATA = 0
    """Segments, frames."""
    RECORD = 1
    """Records of segments, the frame index."""
    SUMMARY = 2
    """``progress.json``."""


class File(msgspec.Struct, frozen=True):
    """One file of a session."""

    size: Annotated[int, Meta(ge=0, le=1 << 50)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it was at one moment."""

    version: int
    session_id: str
    saved_at: Annotated[str, Meta(max_length=64)]
    """ISO 8601."""
    video: Annotated[str, Meta(max_length=4096)]
    """Name of the video, without its folder."""
    progress: Annotated[float, Meta(ge=0, le=100)]
    """Of the upscaling, in percent."""
    files: dict[Annotated[str, Meta(max_length=200)], File]
    """By name in the session's folder."""


class Found(NamedTuple):
    """A manifest and the number of the lease under which it was written."""

    number: int
    manifest: Manifest


def kind_of(name: str) -> Kind | None:
    """Return what a file of a session is, by its name in the folder; None for what never travels.

    Names are compared with those that sessions have, so that a manifest cannot name any other.
    """
    if name == "progress.json":
        return Kind.SUMMARY
    if name == "frames/index.json":
        return Kind.RECORD
    folder, _, last = name.partition("/")
    if folder == "frames" and last.endswith(".png") and number_of_frame(last) is not None:
        return Kind.DATA if "/" not in last and "_upscaled" not in last else None
    if folder != "upscaled":
        return None
    if number_of_record(last) is not None:
        return Kind.RECORD
    is_data = number_of_segment(last) is not None or number_of_upscaled(last) is not None
    return Kind.DATA if is_data else None


def path_of(paths: SessionPaths, name: str) -> Path:
    """Return where a file of the session belongs; ``name`` is one that `kind_of` knows."""
    return paths.folder.joinpath(*name.split("/"))


def object_name(session_id: str, sha256: str) -> str:
    """Return the name in the store of a file with these contents."""
    return f"{session_id}/objects/{sha256}"


def write_manifest(store: Store, number: int, manifest: Manifest) -> None:
    """Replace the manifest of the holder of lease ``number``, and drop those of earlier ones."""
    session_id = manifest.session_id
    store.write(_name(session_id, number), seal(msgspec.json.encode(manifest)))
    store.remove([_name(session_id, old) for old in _numbers(store, session_id) if old < number])


def read_manifest(store: Store, session_id: str) -> Found | None:
    """Return the manifest that counts; None where there is no such session.

    Raises `CloudError` for a damaged one and `SessionError` for one of a newer version.
    """
    for _ in range(3):
        number = max(_numbers(store, session_id), default=None)
        if number is None:
            return None
        try:
            data = store.read(_name(session_id, number), MAX_BYTES)
        except FileNotFoundError:
            continue  # a newer one has come meanwhile
        return Found(number, _decode(store, session_id, data))
    return None


def _decode(store: Store, session_id: str, data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(unseal(data), type=Manifest)
        if manifest.version <= VERSION:
            _check(manifest, session_id)
    except (ValueError, RecursionError) as error:
        raise CloudError(
            f"The session {session_id} in {store.url} has a damaged manifest ({error}). Push it "
            "again from the machine that has it, or remove it with `tsuzuki cloud remove`.",
            url=store.url,
        ) from error
    if manifest.version > VERSION:
        raise SessionError(
            f"The session {session_id} in {store.url} was written by a newer Tsuzuki. Update "
            "Tsuzuki to use it.",
            session_id=session_id,
        )
    return manifest


def _check(manifest: Manifest, session_id: str) -> None:
    """Raise `ValueError` for one that names what is no part of the session."""
    strange = [name for name in manifest.files if kind_of(name) is None]
    if strange or manifest.session_id != session_id:
        raise ValueError("it names what is no part of this session")


def _numbers(store: Store, session_id: str) -> list[int]:
    names = (name.rsplit("/", 1)[-1] for name in store.entries(f"{session_id}/manifests"))
    return [int(match[1]) for name in names if (match := _NAME.fullmatch(name))]


def _name(session_id: str, number: int) -> str:
    return f"{session_id}/manifests/manifest-{number:09d}.json"
