"""The requests of Google Drive that a store takes, through Google's own client."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple, cast

from tsuzuki.errors import CloudError, MissingExtraError

SCOPE = "https://www.googleapis.com/auth/drive"
"""Asked for where credentials have none yet: those of service accounts, which see only what is
shared with them. People choose when they log in."""
FOLDER = "application/vnd.google-apps.folder"
PIECE = 4 << 20
"""Bytes of a request at most; what is longer is sent, and fetched, in several."""
RETRIES = 5
"""So often Google's client repeats a request that failed for no fault of its own."""
_FIELDS = "id,name,size,md5Checksum,createdTime,mimeType"


class File(NamedTuple):
    """A file or folder. Drive tells them apart by their ids; names need not differ."""

    created: str
    """When Drive has made it, so that the oldest of several sorts first."""
    id: str
    name: str
    size: int
    md5: str | None
    is_folder: bool


class Drive:
    """What Drive holds below the folder ``root``, an id or ``root`` for My Drive.

    Credentials are Google's application default ones. Raises `MissingExtraError`, and `CloudError`
    without credentials. The methods raise `FileNotFoundError` for an id that means nothing (any
    more), `PermissionError`, and what Google's client does.
    """

    def __init__(self, root: str) -> None:
        try:
            import google.auth  # noqa: PLC0415 - an extra
            import google_auth_httplib2  # noqa: PLC0415 - an extra
            from googleapiclient import discovery, errors, http  # noqa: PLC0415 - an extra
        except ImportError:
            raise MissingExtraError.for_extra("gdrive", "Google Drive") from None
        try:
            found, _ = google.auth.default()
        except google.auth.exceptions.DefaultCredentialsError as error:
            raise CloudError(
                "Google Drive needs credentials. Set GOOGLE_APPLICATION_CREDENTIALS to the key "
                "file of a service account, or log in with `gcloud auth application-default "
                f"login`; docs/cloud.md says how. ({str(error).splitlines()[0]})"
            ) from error
        self.root = root
        credentials: Any = google.auth.credentials  # parts of it have no types
        granted = credentials.with_scopes_if_required(found, [SCOPE])
        self._connect: Callable[[], Any] = lambda: google_auth_httplib2.AuthorizedHttp(
            granted, http.build_http()
        )
        self._upload: Any = http.MediaIoBaseUpload
        self._refused: Any = errors.HttpError
        service: Any = discovery.build("drive", "v3", credentials=granted, cache_discovery=False)
        self._files = service.files()
        self._of_thread = threading.local()
        self._where: dict[str, str] | None = None

    def find(self, parent: str, *, folders: bool = False) -> list[File]:
        """Return what is in a folder, or only the folders in it, the oldest first.

        Never by name: that asks an index which may not know yet what was just made.
        """
        wanted = f"'{parent}' in parents and trashed = false"
        if folders:
            wanted += f" and mimeType = '{FOLDER}'"
        found: list[File] = []
        page: str | None = None
        while True:
            request = self._files.list(
                q=wanted,
                fields=f"nextPageToken,files({_FIELDS})",
                pageSize=1000,
                pageToken=page,
                supportsAllDrives=True,
                includeItemsFromAllDrives=True,
                **self._drive(),
            )
            answer = self._run(request)
            found += map(_file, answer.get("files", ()))
            page = answer.get("nextPageToken")
            if page is None:
                return sorted(found)

    def make_folder(self, parent: str, name: str) -> File:
        """Make a folder; there may be others of that name."""
        return self._create({"name": name, "parents": [parent], "mimeType": FOLDER}, None)

    def create(self, parent: str, name: str, data: BinaryIO) -> File:
        """Make a file; there may be others of that name."""
        return self._create({"name": name, "parents": [parent]}, self._media(data))

    def replace(self, file_id: str, data: BinaryIO) -> File:
        """Give a file other contents, in one step."""
        media = self._media(data)
        request = self._files.update(
            fileId=file_id, media_body=media, fields=_FIELDS, supportsAllDrives=True
        )
        return _file(self._run(request))

    def open(self, file: File) -> io.BufferedReader:
        """Read a file, in pieces."""
        return io.BufferedReader(_Contents(self, file), PIECE)

    def read(self, file_id: str, first: int, size: int) -> bytes:
        """Return bytes of a file from ``first`` (from 0) on."""
        request = self._files.get_media(fileId=file_id, supportsAllDrives=True)
        request.headers["Range"] = f"bytes={first}-{first + size - 1}"
        return cast(bytes, self._run(request))[:size]

    def remove(self, file_id: str) -> None:
        """Remove a file for good, or into the bin where no more is allowed; gone is as good."""
        with contextlib.suppress(FileNotFoundError):
            try:
                self._run(self._files.delete(fileId=file_id, supportsAllDrives=True))
            except PermissionError:
                self.trash(file_id)

    def trash(self, file_id: str) -> None:
        """Move a file or folder into the bin."""
        body = {"trashed": True}
        self._run(self._files.update(fileId=file_id, body=body, supportsAllDrives=True))

    def _create(self, about: dict[str, Any], media: Any) -> File:
        """Make something under an id that Drive gives beforehand.

        So a request that was repeated, because its answer was lost, makes nothing twice.
        """
        [new] = self._run(self._files.generateIds(count=1, space="drive", type="files"))["ids"]
        request = self._files.create(
            body={**about, "id": new}, media_body=media, fields=_FIELDS, supportsAllDrives=True
        )
        try:
            return _file(self._run(request))
        except Exception as error:
            if getattr(error, "status_code", None) != 409:
                raise
        return _file(self._run(self._files.get(fileId=new, fields=_FIELDS, supportsAllDrives=True)))

    def _media(self, data: BinaryIO) -> Any:
        size = data.seek(0, io.SEEK_END)
        media = self._upload(
            data, "application/octet-stream", chunksize=PIECE, resumable=size > PIECE
        )
        media.has_stream = lambda: False  # a stream would not be rewound for a second try
        return media

    def _drive(self) -> dict[str, str]:
        """Return what a listing takes where the root is on a shared drive."""
        if self._where is None:
            request = self._files.get(fileId=self.root, fields="driveId", supportsAllDrives=True)
            try:
                drive = self._run(request).get("driveId")
            except FileNotFoundError:
                raise CloudError(
                    f"Google Drive has no folder {self.root}, or has not shared it with these "
                    "credentials. Its id is the end of its address in a browser; a service "
                    "account sees only what is shared with its e-mail address."
                ) from None
            self._where = {"corpora": "drive", "driveId": drive} if drive else {}
        return self._where

    def _run(self, request: Any) -> Any:
        if not hasattr(self._of_thread, "http"):  # a connection is for one thread
            self._of_thread.http = self._connect()
        try:
            return request.execute(http=self._of_thread.http, num_retries=RETRIES)
        except self._refused as error:
            kind = {403: PermissionError, 404: FileNotFoundError}.get(error.status_code)
            if kind is None:
                raise
            raise kind(error.reason) from error


class _Contents(io.RawIOBase):
    """The bytes of a file, each piece in a request of its own."""

    def __init__(self, drive: Drive, file: File) -> None:
        self._drive = drive
        self._file = file
        self._next = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._file.size - self._next)
        if size <= 0:
            return 0
        data = self._drive.read(self._file.id, self._next, size)
        buffer[: len(data)] = data
        self._next += len(data)
        return len(data)


def _file(said: dict[str, Any]) -> File:
    return File(
        created=said["createdTime"],
        id=said["id"],
        name=said["name"],
        size=int(said.get("size", 0)),
        md5=said.get("md5Checksum"),
        is_folder=said["mimeType"] == FOLDER,
    )
