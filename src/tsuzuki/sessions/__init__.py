"""Sessions: upscaling jobs on disk, what is done and what is left."""

from tsuzuki.sessions.check import Repaired, Report
from tsuzuki.sessions.identity import (
    Difference,
    differences,
    fingerprint,
    generate_session_id,
    identity_digest,
    settings_differences,
)
from tsuzuki.sessions.layout import SessionPaths, sessions_root
from tsuzuki.sessions.live import BATCH_UPDATE_SIZE
from tsuzuki.sessions.lock import Owner, SessionLock
from tsuzuki.sessions.log import session_log
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.metrics import Metrics, SessionMetrics
from tsuzuki.sessions.monitor import PerformanceMonitor
from tsuzuki.sessions.progress import STEPS, ProgressData, StepProgress, VideoInfo
from tsuzuki.sessions.ranges import FrameRanges
from tsuzuki.sessions.records import (
    Damage,
    Records,
    SegmentRecord,
    mixed_identities,
    read_records,
    tidy,
    write_record,
)
from tsuzuki.sessions.saver import AsyncProgressSaver
from tsuzuki.sessions.search import SessionMatch

__all__ = [
    "BATCH_UPDATE_SIZE",
    "STEPS",
    "AsyncProgressSaver",
    "Damage",
    "Difference",
    "FrameRanges",
    "Metrics",
    "Owner",
    "PerformanceMonitor",
    "ProgressData",
    "Records",
    "Repaired",
    "Report",
    "SegmentRecord",
    "SessionLock",
    "SessionManager",
    "SessionMatch",
    "SessionMetrics",
    "SessionPaths",
    "StepProgress",
    "VideoInfo",
    "differences",
    "fingerprint",
    "generate_session_id",
    "identity_digest",
    "mixed_identities",
    "read_records",
    "session_log",
    "sessions_root",
    "settings_differences",
    "tidy",
    "write_record",
]
