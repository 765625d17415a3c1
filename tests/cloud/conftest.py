"""Sessions with a few segments, a real S3 server in a process of its own, a real SFTP server."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

from tsuzuki.sessions import SegmentRecord, SessionManager, SessionPaths, write_record
from tsuzuki.sessions.stamp import stamp

KEYS = {
    "AWS_ACCESS_KEY_ID": "canary-key-id",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-5f1d",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
INFO = {
    "width": 192,
    "height": 108,
    "duration": 4.0,
    "frame_rate": 24.0,
    "frame_count": 96,
    "codec_name": "h264",
    "size": 5000,
    "format": "mov",
}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def s3_server():
    """Address of moto's server."""
    pytest.importorskip("moto.server")
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("s3_server.py")), str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
        server.kill()


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A new bucket, which the environment leads to."""
    pytest.importorskip("s3fs")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    request = urllib.request.Request(f"{s3_server}/{name}", method="PUT")
    urllib.request.urlopen(request).close()
    return f"s3://{name}"


@pytest.fixture(params=["folder", "s3", "sftp", "gdrive"])
def url(request, tmp_path):
    """The address of an empty store of each kind."""
    if request.param == "gdrive":
        return f"{request.getfixturevalue('drive')}/films"
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/films"
    if request.param == "sftp":
        return request.getfixturevalue("sftp")
    return str(tmp_path / "store")


class Session:
    """A session on this machine, with segments of random bytes."""

    def __init__(self, root: Path, video: Path, scale: float = 2.0) -> None:
        self.root = root
        with SessionManager(root) as manager:
            self.id = manager.create_session(str(video), {"scale_factor": scale}, INFO)
        self.paths = SessionPaths(root, self.id)
        self.sealed = 0

    def seal(self, size: int = 3000) -> SegmentRecord:
        """Seal the next segment, of twelve frames, and say so in the summary."""
        self.sealed += 1
        data = random.Random(f"{self.id}{self.sealed}").randbytes(size)
        sha256 = hashlib.sha256(data).hexdigest()
        self.paths.segment(self.sealed, sha256).write_bytes(data)
        record = SegmentRecord(
            session_id=self.id,
            segment=self.sealed,
            first=self.sealed * 12 - 11,
            last=self.sealed * 12,
            size=size,
            sha256=sha256,
            frames=12,
            frames_computed=12,
        )
        assert write_record(self.paths, record)
        self.save()
        return record

    def spool(self, number: int, data: bytes = b"frame") -> Path:
        path = self.paths.upscaled_frame(number, "nut")
        path.write_bytes(data + stamp(data, self.id, path.name))
        return path

    def save(self) -> None:
        with SessionManager(self.root) as manager:
            manager.update_step_status(self.id, "upscale", "in_progress")

    def files(self, root: Path | None = None) -> dict[str, bytes]:
        """Return what is to travel, as it is in a root."""
        folder = (root or self.root) / self.id
        found = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.parent.name != "logs" and not path.name.startswith("session")
        }
        return dict(sorted(found.items()))


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(random.Random(1).randbytes(5000))
    return path


@pytest.fixture
def session(tmp_path, video):
    session = Session(tmp_path / "here", video)
    session.seal()
    session.seal()
    return session


@pytest.fixture
def elsewhere(tmp_path):
    """The sessions folder of another machine."""
    return tmp_path / "elsewhere"


@pytest.fixture
def sftp(tmp_path, monkeypatch):
    """A real SSH server in a thread, which the user's own files lead to."""
    pytest.importorskip("paramiko")
    pytest.importorskip("asyncssh")
    from tests.cloud.sftp_server import serve

    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with serve(home / ".ssh"):
        yield f"sftp://films.example{os.fspath(tmp_path / 'served')}"


@pytest.fixture(scope="session")
def drive_server(tmp_path_factory):
    """A stand-in for Google Drive."""
    pytest.importorskip("googleapiclient")
    from tests.cloud.drive_server import DriveServer

    server = DriveServer(tmp_path_factory.mktemp("drive"))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def drive(drive_server, monkeypatch):
    """The address of a new folder in it, to which the environment leads."""
    for name, value in drive_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("httplib2.CA_CERTS", str(drive_server.authority))  # read at its import
    monkeypatch.setattr("tsuzuki.cloud.gdrive.SETTLE_SECONDS", 0.01)
    drive_server.restart()
    return f"gdrive://drive-{uuid.uuid4().hex[:12]}"
