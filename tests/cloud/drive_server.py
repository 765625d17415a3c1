"""A stand-in for Google Drive's API (v3), as far as its documentation says what it does.

Google's client is led to it by what leads it anywhere: the key file of a service account, a proxy
and a certificate authority in the environment. Nothing of the client is replaced.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import secrets
import ssl
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.cloud.proxy import FaultyServer

HOSTS = ("www.googleapis.com", "oauth2.googleapis.com")
FOLDER = "application/vnd.google-apps.folder"
TOKEN = "canary-access-token"
SHOWN = ("id", "name", "mimeType", "parents", "trashed", "createdTime", "driveId")
TERM = re.compile(r"'([^']+)' in parents|mimeType = '([^']+)'|trashed = (false)")


class RefusedError(Exception):
    """An error as Drive tells it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class DriveServer(FaultyServer):
    """Files by id."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_Handler)
        self.files: dict[str, dict[str, Any]] = {"root": _about("root", "My Drive", [], FOLDER)}
        self.given: set[str] = set()
        """Ids that may be used to make something."""
        self.uploads: dict[str, tuple[dict[str, Any], bytearray]] = {}
        self.page = 3
        """Files in an answer at most, so that there are many pages."""
        self.lag = 0.0
        """Seconds until a listing shows what is new."""
        self.may_delete = True
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        authority = _certificate(self.key)
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(authority)
        key_file = folder / "server.pem"
        key_file.write_bytes(_pem(self.key) + authority)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(key_file)
        self.credentials = folder / "service-account.json"
        account = {
            "type": "service_account",
            "project_id": "films",
            "private_key_id": "canary-key",
            "private_key": _pem(self.key).decode(),
            "client_email": "films@films.example",
            "token_uri": f"https://{HOSTS[1]}/token",
        }
        self.credentials.write_text(json.dumps(account))
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """What leads Google's client here."""
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": os.fspath(self.credentials),
            "https_proxy": f"http://127.0.0.1:{self.server_port}",
            "HTTPLIB2_CA_CERTS": os.fspath(self.authority),
            "NO_GCE_CHECK": "true",
        }

    def add_folder(self, name: str, *, drive: str | None = None) -> str:
        """Make a folder as somebody else would, and return its id."""
        found = secrets.token_hex(14)
        self.files[found] = _about(found, name, ["root"], FOLDER)
        if drive:
            self.files[found] |= {"driveId": drive}
        return found

    def named(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.files.values() if one["name"] == name and not one["trashed"]]

    # --- what Drive does --------------------------------------------------------------------------

    def ids(self, count: int) -> list[str]:
        new = [secrets.token_hex(14) for _ in range(count)]
        self.given.update(new)
        return new

    def find(self, file_id: str) -> dict[str, Any]:
        try:
            return self.files[file_id]
        except KeyError:
            raise RefusedError(404, "notFound", f"File not found: {file_id}.") from None

    def list(self, query: dict[str, str]) -> dict[str, Any]:
        if TERM.sub("", query["q"]).replace(" and ", "").strip():
            raise RefusedError(400, "invalid", f"Invalid Value {query['q']}")
        found = [one for one in self.files.values() if time.monotonic() >= one["shown"]]
        for parent, kind, trashed in TERM.findall(query["q"]):
            if parent:
                self.find(parent)
                found = [one for one in found if parent in one["parents"]]
            elif trashed:
                found = [one for one in found if not self.is_trashed(one)]
            else:
                found = [one for one in found if one["mimeType"] == kind]
        if query.get("corpora") != "drive":
            found = [one for one in found if "driveId" not in one]
        found.sort(key=lambda one: one["id"])  # in no order that means anything
        first = int(query.get("pageToken", 0))
        last = first + min(self.page, int(query["pageSize"]))
        more = {"nextPageToken": str(last)} if last < len(found) else {}
        return {"files": [_shown(one) for one in found[first:last]], **more}

    def is_trashed(self, one: dict[str, Any]) -> bool:
        above = (self.files[parent] for parent in one["parents"] if parent in self.files)
        return one["trashed"] or any(map(self.is_trashed, above))

    def create(self, about: dict[str, Any], data: bytes | None) -> dict[str, Any]:
        if about["id"] in self.files:
            raise RefusedError(409, "fileIdInUse", "A file already exists with the provided ID.")
        if about["id"] not in self.given:
            raise RefusedError(400, "invalid", "The provided file ID is not usable.")
        parents = [self.find(parent) for parent in about["parents"]]
        made = _about(about["id"], about["name"], about["parents"], about.get("mimeType", "x/y"))
        made |= {"data": data, "shown": time.monotonic() + self.lag}
        made |= {"driveId": parents[0]["driveId"]} if "driveId" in parents[0] else {}
        self.files[about["id"]] = made
        return _shown(made)

    def delete(self, file_id: str) -> None:
        if not self.may_delete:
            raise RefusedError(403, "insufficientFilePermissions", "The user may not delete this.")
        self.find(file_id)
        del self.files[file_id]
        for below in [one["id"] for one in self.files.values() if file_id in one["parents"]]:
            self.delete(below)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: DriveServer

    def do_CONNECT(self) -> None:
        """Be the host that is asked for."""
        assert self.path.split(":")[0] in HOSTS
        self.send_response_only(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", -1)

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.next_fault()
        if fault == "cut":
            self.close_connection = True
            return
        if fault == "refused":
            self._answer(503, {}, b"")
            return
        if fault == "late":
            time.sleep(0.3)
        try:
            with self.server.guard:
                status, headers, data = self._act(body)
        except RefusedError as error:
            told = {"code": error.status, "message": str(error)}
            told["errors"] = [{"reason": error.reason, "message": str(error)}]  # type: ignore[assignment]
            status, headers, data = error.status, {}, json.dumps({"error": told}).encode()
        if fault == "answer lost":
            self.close_connection = True
            return
        self._answer(status, headers, data)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_one  # noqa: N815

    def _act(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/token":
            return 200, {}, json.dumps(self._token(body)).encode()
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            raise RefusedError(401, "authError", "Invalid Credentials")
        last = url.path.rsplit("/", 1)[-1]
        if url.path.startswith("/upload/"):
            return self._upload(query, last, body)
        if self.command == "GET" and query.get("alt") == "media":
            return self._contents(self.server.find(last)["data"])
        match self.command, last:
            case "GET", "generateIds":
                told: dict[str, Any] = {"ids": self.server.ids(int(query["count"]))}
            case "GET", "files":
                told = self.server.list(query)
            case "GET", _:
                told = _shown(self.server.find(last))
            case "POST", _:
                told = self.server.create(json.loads(body), None)
            case "PATCH", _:
                self.server.find(last).update(json.loads(body))
                told = _shown(self.server.find(last))
            case _:
                self.server.delete(last)
                return 204, {}, b""
        return 200, {}, json.dumps(told).encode()

    def _token(self, body: bytes) -> dict[str, Any]:
        from google.auth import jwt

        asked = parse_qs(body.decode())["assertion"][0]
        said = jwt.decode(asked, certs=self.server.authority.read_bytes())
        assert said["scope"].endswith("/auth/drive")
        return {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def _contents(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            return 200, {}, data
        first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
        if first > last:
            raise RefusedError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
        span = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
        return 206, span, data[first : last + 1]

    def _upload(
        self, query: dict[str, str], last: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if self.command == "PUT":
            return self._piece(query["upload_id"], body)
        target = {} if last == "files" else {"replaces": last}
        if query["uploadType"] == "resumable":
            key = secrets.token_hex(8)
            about = json.loads(body) if body else {}
            self.server.uploads[key] = (about | target, bytearray())
            where = f"https://{HOSTS[0]}{urlsplit(self.path).path}?upload_id={key}"
            return 200, {"Location": where}, b""
        if query["uploadType"] == "media":
            return self._stored(target, body)
        border = re.search('boundary="([^"]+)"', self.headers["Content-Type"])
        assert border is not None
        parts = body.split(b"--" + border[1].encode())[1:3]
        about, data = (part.split(b"\n\n", 1)[1].removesuffix(b"\n") for part in parts)
        return self._stored(json.loads(about) | target, data)

    def _piece(self, key: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        about, data = self.server.uploads[key]
        asked = re.fullmatch(
            r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.headers.get("Content-Range", "")
        )
        assert asked is not None
        if asked[1] is not None and int(asked[1]) == len(data):
            data += body
        if asked[3] == str(len(data)):
            return self._stored(about, bytes(data))
        there = {"Range": f"bytes=0-{len(data) - 1}"} if data else {}
        return 308, there, b""

    def _stored(self, about: dict[str, Any], data: bytes) -> tuple[int, dict[str, str], bytes]:
        if "replaces" in about:
            self.server.find(about["replaces"])["data"] = data
            told = _shown(self.server.find(about["replaces"]))
        else:
            told = self.server.create(about, data)
        return 200, {}, json.dumps(told).encode()

    def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response_only(status)
        kind = {"Content-Type": "application/json"}
        for name, value in (kind | headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _about(file_id: str, name: str, parents: list[str], kind: str) -> dict[str, Any]:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": file_id,
        "name": name,
        "parents": parents,
        "mimeType": kind,
        "trashed": False,
        "createdTime": now,
        "shown": 0.0,
        "data": None,
    }


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    told = {name: one[name] for name in SHOWN if name in one}
    if one["data"] is not None:
        digest = hashlib.md5(one["data"], usedforsecurity=False).hexdigest()
        told |= {"size": str(len(one["data"])), "md5Checksum": digest}
    return told


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate(key: rsa.RSAPrivateKey) -> bytes:
    """Return a certificate that its own key has signed, for the hosts of Google."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, HOSTS))), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)
