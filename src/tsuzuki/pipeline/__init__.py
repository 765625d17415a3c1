"""Validate, extract, upscale, combine: the steps from a video to its larger self."""

from tsuzuki.pipeline.events import Event, OnEvent, to_json
from tsuzuki.pipeline.job import resume, upscale
from tsuzuki.pipeline.runner import Result

__all__ = ["Event", "OnEvent", "Result", "resume", "to_json", "upscale"]
