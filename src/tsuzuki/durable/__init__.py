"""Durable writing: what is reported as saved survives kills and power cuts."""

from tsuzuki.durable.faults import free_bytes, is_there, storage_error, storage_errors
from tsuzuki.durable.folder import PendingFolder, copy_folder, sha256_of_folder
from tsuzuki.durable.history import History, RunRow
from tsuzuki.durable.kept import KeptFile
from tsuzuki.durable.naming import is_temporary
from tsuzuki.durable.pending import PendingFile
from tsuzuki.durable.port import OsPort, Port, usual_mode
from tsuzuki.durable.read import (
    append_regular,
    is_other_kind,
    open_regular,
    read_bounded,
    sha256_of,
)
from tsuzuki.durable.scratch import ScratchFolder
from tsuzuki.durable.write import Durable

__all__ = [
    "Durable",
    "History",
    "KeptFile",
    "OsPort",
    "PendingFile",
    "PendingFolder",
    "Port",
    "RunRow",
    "ScratchFolder",
    "append_regular",
    "copy_folder",
    "free_bytes",
    "is_other_kind",
    "is_temporary",
    "is_there",
    "open_regular",
    "read_bounded",
    "sha256_of",
    "sha256_of_folder",
    "storage_error",
    "storage_errors",
    "usual_mode",
]
