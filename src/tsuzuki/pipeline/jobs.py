"""What the worker does before rendering: resolve the plan, build the index."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tsuzuki.pipeline.messages import MakePlan
from tsuzuki.pipeline.plan import Plan, longest_segment
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.upscaling import cpu_features, plan_upscaling
from tsuzuki.video.probe import probe, video_info
from tsuzuki.video.processor import VideoProcessor, decide_encoding


def make_plan(request: MakePlan) -> Plan:
    """Probe the video and resolve every setting; raises what makes the job impossible."""
    facts = probe(request.path)
    output = Path(request.output) if request.output else None
    settings, encoding = decide_encoding(facts, request.settings, output)
    video = VideoProcessor(facts, settings)
    upscaling = plan_upscaling(settings, facts.width, facts.height, encoding.width, encoding.height)
    sample = 1 if facts.colour.white < 256 else 2
    return Plan(
        settings=settings,
        probe=facts,
        video_info=video_info(facts),
        upscaling=upscaling,
        encoding=encoding,
        segment_frames=longest_segment(settings, 3 * encoding.width * encoding.height * sample),
        versions={"tsuzuki": version("tsuzuki")},
        cpu=f"{platform.machine()} {cpu_features()}",
        notes=(*facts.warnings, *upscaling.notes, *(n.message for n in video.losses(encoding))),
    )


def build_index(plan: Plan, on_progress: Callable[[float], None]) -> FrameIndex:
    """Index the frames of the range that the settings ask for."""
    return VideoProcessor(plan.probe, plan.settings).index(on_progress)
