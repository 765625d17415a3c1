"""Where a store is: a folder, or a URL without credentials."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tsuzuki.errors import SettingsError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
KINDS = "a folder, s3://BUCKET/FOLDER, sftp://HOST/FOLDER or gdrive://FOLDER"


class Place(NamedTuple):
    """The parts of an address."""

    kind: str
    """``file``, ``s3``, ``sftp`` or ``gdrive``."""
    host: str
    """Bucket, host, or first folder in Google Drive; empty for a folder."""
    port: int | None
    path: str
    """Without a slash at its end; of a bucket, and in Google Drive, also
    without one at its start."""

    @property
    def url(self) -> str:
        """The address, to show and to type."""
        if self.kind == "file":
            return self.path
        port = "" if self.port is None else f":{self.port}"
        slash = "/" if self.path and not self.path.startswith("/") else ""
        return f"{self.kind}://{self.host}{port}{slash}{self.path}"


def parse(address: str) -> Place:
    """Take an address apart. Raises `SettingsError` for one that cannot be used.

    A URL with a name or a password in it is refused and not repeated: it would be kept in the
    shell's history and shown to every process of the machine.
    """
    if not _SCHEME.match(address):
        return _folder(Path(address))
    try:
        parts = urlsplit(address)
        host, port, user = parts.hostname or "", parts.port, "@" in parts.netloc
    except ValueError:
        raise SettingsError(f"That is no address of a store. Give {KINDS}.") from None
    if user or parts.query or parts.fragment:
        raise SettingsError(
            "An address of a store must hold no user name, password, query or fragment. S3 takes "
            "its credentials from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or from "
            "~/.aws/credentials, SFTP from ~/.ssh/config, the SSH agent and the keys in ~/.ssh, "
            "Google Drive from GOOGLE_APPLICATION_CREDENTIALS or gcloud's login."
        )
    match parts.scheme.lower():
        case "file" if host in {"", "localhost"}:
            return _folder(Path(unquote(parts.path)))
        case "s3" if host and port is None:
            # Not `hostname`, which is in small letters.
            return Place("s3", parts.netloc, None, unquote(parts.path).strip("/"))
        case "sftp" if host and parts.path.strip("/"):
            return Place("sftp", host, port, unquote(parts.path).rstrip("/"))
        case "gdrive" if host and port is None:
            return Place("gdrive", unquote(parts.netloc), None, unquote(parts.path).strip("/"))
    raise SettingsError(f"{address!r} is no store that is known. Give {KINDS}.")


def _folder(path: Path) -> Place:
    path = path.expanduser().absolute()
    if path == Path(path.anchor):
        raise SettingsError(f"Give a folder of its own to the sessions, not {path}.")
    shown = path.as_posix() if sys.platform == "win32" else str(path)
    return Place("file", "", None, shown)
