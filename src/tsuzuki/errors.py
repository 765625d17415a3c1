"""Every error that Tsuzuki raises on purpose.

Each class has a stable ``code`` (for programs), an ``exit_code`` (for shells) and a message of one
paragraph that says what happened and what to do next. Where a built-in exception has the same
meaning, the class is a kind of that too.
"""

from __future__ import annotations

from typing import Any, ClassVar


class TsuzukiError(Exception):
    """Base of all errors of this package.

    ``details`` holds plain values (JSON) for programs, such as paths, byte counts or differences.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.details)

    def __str__(self) -> str:
        return self.message


def _rebuild(cls: type[TsuzukiError], message: str, details: dict[str, Any]) -> TsuzukiError:
    return cls(message, **details)


class Cancelled(TsuzukiError):  # noqa: N818 - the user's wish is no error
    """The user stopped the run; everything finished is saved."""

    code = "cancelled"
    exit_code = 130


# --- what was asked for ---------------------------------------------------------------------------


class SettingsError(TsuzukiError, ValueError):
    """A setting has an impossible value, or two settings contradict each other."""

    code = "settings"
    exit_code = 3


class MissingExtraError(SettingsError):
    """What was asked for needs packages that are not installed (``details``: extra)."""

    code = "missing-extra"
    exit_code = 4

    @classmethod
    def for_extra(cls, extra: str, what: str) -> MissingExtraError:
        """Return the error for ``what`` without the packages of an extra."""
        return cls(
            f"For {what} more packages are needed. Install them in the folder of Tsuzuki: "
            f"python -m pip install '.[{extra}]'",
            extra=extra,
        )


# --- the input ------------------------------------------------------------------------------------


class InputError(TsuzukiError):
    """The input cannot be used."""

    code = "input"
    exit_code = 10


class InputNotFoundError(InputError, FileNotFoundError):
    """There is no such file."""

    code = "input-not-found"
    exit_code = 11


class InputPermissionError(InputError, PermissionError):
    """The file exists but may not be read."""

    code = "input-permission"
    exit_code = 12


class NotAVideoError(InputError):
    """The file is empty, no media file, or has no video stream."""

    code = "not-a-video"
    exit_code = 13


class DamagedVideoError(InputError):
    """The file is a video, but too damaged to open or to index."""

    code = "damaged-video"
    exit_code = 14


class DamagedFramesError(InputError):
    """So many frames cannot be decoded that the user is asked (``details``: damaged, frames)."""

    code = "damaged-frames"
    exit_code = 16


class HdrLossError(InputError):
    """Dynamic HDR metadata would get lost, so the user is asked (``details``: dynamic_hdr)."""

    code = "hdr-loss"
    exit_code = 17


class UnsupportedVideoError(InputError):
    """The video uses something that is not supported, or exceeds a bound."""

    code = "unsupported-video"
    exit_code = 15


# --- the output -----------------------------------------------------------------------------------


class OutputError(TsuzukiError):
    """The output cannot be written as asked."""

    code = "output"
    exit_code = 20


class OutputExistsError(OutputError, FileExistsError):
    """The output file exists and overwriting was not asked for."""

    code = "output-exists"
    exit_code = 21


class OutputFolderError(OutputError):
    """The folder of the output is missing or cannot be written."""

    code = "output-folder"
    exit_code = 22


class OutputIsInputError(OutputError):
    """Output and input are the same file."""

    code = "output-is-input"
    exit_code = 23


class ContainerError(OutputError):
    """The container is unknown, or cannot hold a stream of the source."""

    code = "container"
    exit_code = 24


class EncoderError(OutputError):
    """The encoder is unknown, is missing in this build, or refused its options."""

    code = "encoder"
    exit_code = 25


# --- sessions -------------------------------------------------------------------------------------


class SessionError(TsuzukiError):
    """A session cannot be used as asked."""

    code = "session"
    exit_code = 30


class SessionNotFoundError(SessionError, LookupError):
    """There is no session with this id or for this video."""

    code = "session-not-found"
    exit_code = 31


class SessionBusyError(SessionError):
    """Another process works on this session (``details``: pid, host)."""

    code = "session-busy"
    exit_code = 32


class SessionDiffersError(SessionError):
    """Input, model, settings or versions differ from the session's (``details``: differences)."""

    code = "session-differs"
    exit_code = 33


class SessionDamagedError(SessionError):
    """State of the session is damaged and was not used."""

    code = "session-damaged"
    exit_code = 34


class ForeignSessionError(SessionError):
    """The session was begun elsewhere, so what it names needs a yes (``details``: command)."""

    code = "session-foreign"
    exit_code = 36


class LeaseError(SessionBusyError):
    """Another machine works on this session in the store (``details``: host, until)."""

    code = "session-leased"
    exit_code = 37


class UnsafeFolderError(SessionError, PermissionError):
    """The sessions folder could be tampered with by other users."""

    code = "unsafe-folder"
    exit_code = 35


# --- resources ------------------------------------------------------------------------------------


class ResourceError(TsuzukiError):
    """The machine lacks something. The session is saved; resume when there is enough."""

    code = "resource"
    exit_code = 40


class DiskFullError(ResourceError, OSError):
    """A disk is full or a quota is used up (``details``: path, needed, free in bytes)."""

    code = "disk-full"
    exit_code = 41


class StorageError(ResourceError, OSError):
    """A disk failed, went away or became read-only."""

    code = "storage"
    exit_code = 42


class OutOfMemoryError(ResourceError, MemoryError):
    """The machine or the device has too little memory."""

    code = "out-of-memory"
    exit_code = 43


class CloudError(ResourceError, OSError):
    """A store could not be reached, refused, or holds something damaged (``details``: url)."""

    code = "cloud"
    exit_code = 44


class ClusterError(ResourceError, ConnectionError):
    """A cluster could not be reached, refused, or has no node that can work (``details``: url)."""

    code = "cluster"
    exit_code = 45


# --- engines and workers --------------------------------------------------------------------------


class EngineError(TsuzukiError):
    """An engine or its network failed."""

    code = "engine"
    exit_code = 50


class SuspiciousFrameError(EngineError):
    """What came out of the network cannot be the frame enlarged (``details``: frame, path)."""

    code = "suspicious-frame"
    exit_code = 53


class ModelError(EngineError):
    """A model is unknown, or its files are missing or damaged."""

    code = "model"
    exit_code = 51


class DeviceError(EngineError):
    """The device asked for does not exist or cannot be used."""

    code = "device"
    exit_code = 52


class WorkerError(TsuzukiError):
    """A worker process died or hung more often than a retry can mend."""

    code = "worker"
    exit_code = 60


def by_code(code: str) -> type[TsuzukiError]:
    """Return the class with this ``code``; ``TsuzukiError`` for an unknown one."""
    stack: list[type[TsuzukiError]] = [TsuzukiError]
    while stack:
        cls = stack.pop()
        if cls.code == code:
            return cls
        stack.extend(cls.__subclasses__())
    return TsuzukiError
