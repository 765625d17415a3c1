"""What the worker does beside rendering: resolve the plan, build the index, show frames."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from tsuzuki.pipeline.messages import (
    Device,
    Look,
    Looked,
    MakePlan,
    Message,
    Preview,
    Previewed,
    StillsTaken,
    Survey,
    Surveyed,
    TakeStills,
)
from tsuzuki.pipeline.plan import Plan, longest_segment
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.settings import EngineName
from tsuzuki.upscaling import (
    ENGINES,
    AIProcessor,
    DeviceInfo,
    choose_device,
    cpu_features,
    find_devices,
    networks,
    plan_upscaling,
)
from tsuzuki.video.encode import library_versions
from tsuzuki.video.facts import framed
from tsuzuki.video.framing import apply, decide_framing, told
from tsuzuki.video.glimpse import frames_at, picture, stills
from tsuzuki.video.probe import probe, video_info
from tsuzuki.video.processor import VideoProcessor, decide_encoding

_CONSTANT = "Frames are left out or repeated so that all last equally long; none is made up."


def make_plan(request: MakePlan) -> Plan:
    """Probe the video and resolve every setting; raises what makes the job impossible."""
    facts = probe(request.path, request.settings.picture_rate(), request.judged)
    output = Path(request.output) if request.output else None
    framing = decide_framing(facts, request.settings, request.framing)
    shown = framed(facts, framing)
    settings, encoding = decide_encoding(shown, request.settings, output)
    video = VideoProcessor(facts, settings, framing)
    device = None
    if request.device is not None and request.device.name != "cpu":
        title = request.device.title
        device = DeviceInfo(name=request.device.name, title=title, kind="discrete")
    elif request.device is not None:
        device = choose_device("cpu")
    upscaling = plan_upscaling(
        settings, shown.width, shown.height, encoding.width, encoding.height, device=device
    )
    sample = 1 if facts.colour.white < 256 else 2
    return Plan(
        settings=settings,
        probe=facts,
        video_info=video_info(facts),
        upscaling=upscaling,
        encoding=encoding,
        segment_frames=longest_segment(settings, 3 * encoding.width * encoding.height * sample),
        versions={"tsuzuki": version("tsuzuki")},
        cpu=instruction_sets(),
        framing=framing,
        notes=(
            *facts.warnings,
            *told(framing, facts, settings),
            *([_CONSTANT] if settings.fps else []),
            *upscaling.notes,
            *(n.message for n in video.losses(encoding)),
        ),
    )


def instruction_sets() -> str:
    """Return this machine's instruction sets, as `Plan.cpu` has them."""
    return f"{platform.machine()} {cpu_features()}"


def installed_versions(engine: EngineName) -> dict[str, str]:
    """Return the versions here of what `Plan.all_versions` names."""
    return {
        "tsuzuki": version("tsuzuki"),
        "engine": ENGINES[engine].version if engine in ENGINES else "1",
        "encoder": library_versions(),
    }


def build_index(plan: Plan, on_progress: Callable[[float], None]) -> FrameIndex:
    """Index the frames of the range that the settings ask for."""
    return VideoProcessor(plan.probe, plan.settings, plan.framing).index(on_progress)


def show(request: Look | Survey | TakeStills | Preview) -> Message:
    """Answer what a person wants to see."""
    match request:
        case Look():
            return Looked(facts=probe(request.path))
        case Survey():
            return survey()
        case TakeStills():
            return take_stills(request)
        case Preview():
            return make_preview(request)


def make_preview(request: Preview) -> Previewed:
    """Upscale one frame, taken as it is, without deinterlacing."""
    plan = request.plan
    facts = plan.shown
    (rgb,) = frames_at(plan.probe, [request.moment])
    if plan.framing is not None:
        rgb = apply(plan.framing, rgb)
    processor = AIProcessor(plan.upscaling)
    try:
        after = processor.process_frame(rgb, facts.colour.white)
    finally:
        processor.close()
    encoded = msgspec.structs.replace(facts, sample_aspect_ratio=plan.encoding.sample_aspect_ratio)
    return Previewed(before=picture(rgb, facts), after=picture(after, encoded))


def take_stills(request: TakeStills) -> StillsTaken:
    """Take frames evenly over a video."""
    return StillsTaken(stills=list(stills(probe(request.path), request.count, request.height)))


def survey() -> Surveyed:
    """List devices and networks."""
    return Surveyed(
        devices=[Device(device.name, device.title) for device in find_devices()],
        networks=[network.name for network in networks()],
    )
