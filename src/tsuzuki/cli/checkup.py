"""What a healthy installation has, tried out one by one."""

from __future__ import annotations

import platform
import secrets
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import av
import msgspec
from av.codec import Codec

from tsuzuki.cli.text import size
from tsuzuki.durable import Durable
from tsuzuki.errors import TsuzukiError
from tsuzuki.language import tr
from tsuzuki.sessions import SessionLock, SessionManager, SessionPaths
from tsuzuki.sessions.layout import make_root
from tsuzuki.settings import SOFTWARE_ENCODERS
from tsuzuki.upscaling import find_devices, networks
from tsuzuki.video.encoders import ENCODERS
from tsuzuki.video.hardware import find_hardware_encoders


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    well: bool
    text: str


def check_up(sessions_dir: Path | None) -> list[Finding]:
    """Look at versions, encoders, networks, devices and the sessions folder."""
    checks: dict[str, Callable[[], str]] = {
        "Versions": _versions,
        "FFmpeg": _ffmpeg,
        "Encoders": _encoders,
        "Hardware encoders": _hardware_encoders,
        "Networks": _networks,
        "Devices": _devices,
        "Sessions folder": lambda: _sessions_folder(sessions_dir),
        "Saving": lambda: _saving(sessions_dir),
    }
    return [_try(name, check) for name, check in checks.items()]


def finding_name(name: str) -> str:
    """Return the name of a finding in the language that is spoken."""
    return {
        "Versions": tr("Versions"),
        "Encoders": tr("Encoders"),
        "Hardware encoders": tr("Hardware encoders"),
        "Networks": tr("Networks"),
        "Devices": tr("Devices"),
        "Sessions folder": tr("Sessions folder"),
        "Saving": tr("Saving"),
    }.get(name, name)


def _try(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, well=True, text=check())
    except TsuzukiError as error:
        return Finding(name, well=False, text=error.message)
    except Exception as error:  # noqa: BLE001 - a check-up goes on whatever it meets
        return Finding(name, well=False, text=f"{type(error).__name__}: {error}")


def _versions() -> str:
    ours = f"tsuzuki {version('tsuzuki')}, Python {platform.python_version()}"
    return f"{ours}, {platform.system()} {platform.machine()}, ncnn {version('ncnn')}"


def _ffmpeg() -> str:
    libraries = ", ".join(
        f"{name} {'.'.join(map(str, number))}" for name, number in av.library_versions.items()
    )
    return f"PyAV {av.__version__} ({libraries})"


def _encoders() -> str:
    missing = []
    for name in SOFTWARE_ENCODERS:
        try:
            Codec(ENCODERS[name].library, "w")
        except av.FFmpegError:
            missing.append(name)
    if missing:
        raise TsuzukiError(
            f"This build of FFmpeg lacks {', '.join(missing)}; install PyAV from its wheel "
            "(python -m pip install --force-reinstall av)."
        )
    return ", ".join(SOFTWARE_ENCODERS)


def _hardware_encoders() -> str:
    """Say which work; none is needed."""
    found = find_hardware_encoders()
    working = [name for name, answer in found.items() if answer is None]
    reasons = "; ".join(f"{name}: {answer}" for name, answer in found.items() if answer)
    return ", ".join(working) or f"none works here ({reasons})"


def _networks() -> str:
    found = networks()
    for network in found:
        network.digest()
    return f"{len(found)}, all files readable"


def _devices() -> str:
    return ", ".join(f"{device.name} ({device.title}, {device.kind})" for device in find_devices())


def _sessions_folder(sessions_dir: Path | None) -> str:
    root = SessionManager(sessions_dir).root
    make_root(root, Durable())
    return f"{root}, {size(shutil.disk_usage(root).free)} free"


def _saving(sessions_dir: Path | None) -> str:
    """Write, flush and lock in a throw-away session."""
    paths = SessionPaths(SessionManager(sessions_dir).root, secrets.token_hex(6))
    durable = Durable()
    durable.make_folder(paths.folder)
    try:
        with SessionLock(paths, durable):
            durable.write_atomic(paths.progress, b"{}")
    finally:
        durable.remove_folder(paths.folder, paths.root)
    return "files are flushed to the disk, and locks keep two processes apart"
