"""Validate, extract, upscale, combine: the steps from a video to its larger self."""

from tsuzuki.pipeline.events import Event, OnEvent, to_json
from tsuzuki.pipeline.job import create_session, resume, upscale
from tsuzuki.pipeline.resume_point import SmartResumeManager
from tsuzuki.pipeline.runner import Result

__all__ = [
    "Event",
    "OnEvent",
    "Result",
    "SmartResumeManager",
    "create_session",
    "resume",
    "to_json",
    "upscale",
]
