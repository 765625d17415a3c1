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
from tsuzuki.video.framing import decide_framing, framed, told
from tsuzuki.video.probe import probe, video_info
from tsuzuki.video.processor import VideoProcessor, decide_encoding

_CONSTANT = "Frames are left out or repeated so that all last equally long; none is made up."


def make_plan(request: MakePlan) -> Plan:
    """Probe the video and resolve every setting; raises what makes the job impossible."""
    facts = probe(request.path, request.settings.picture_rate())
    output = Path(request.output) if request.output else None
    framing = decide_framing(facts, request.settings, request.framing)
    shown = framed(facts, framing)
    settings, encoding = decide_encoding(shown, request.settings, output)
    video = VideoProcessor(facts, settings, framing)
    upscaling = plan_upscaling(settings, shown.width, shown.height, encoding.width, encoding.height)
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
        framing=framing,
        notes=(
            *facts.warnings,
            *told(framing, facts, settings),
            *([_CONSTANT] if settings.fps else []),
            *upscaling.notes,
            *(n.message for n in video.losses(encoding)),
        ),
    )


def build_index(plan: Plan, on_progress: Callable[[float], None]) -> FrameIndex:
    """Index the frames of the range that the settings ask for."""
    return VideoProcessor(plan.probe, plan.settings, plan.framing).index(on_progress)
