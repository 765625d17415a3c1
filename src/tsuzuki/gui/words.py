"""The texts that several windows share."""

from __future__ import annotations

from collections.abc import Callable

from tsuzuki.language import tr, trn, trp
from tsuzuki.sessions.pace import Forecast
from tsuzuki.sessions.progress import StepName, StepStatus
from tsuzuki.text import forecast, size

MARKS: dict[StepStatus, str] = {
    "completed": "✔",
    "in_progress": "▶",
    "failed": "✘",
    "pending": "…",
}
"""State of a step, for the eye; the words beside it are for everybody."""


def step_title(step: StepName) -> str:
    """Return what a step does."""
    return {
        "validate": tr("Check the video"),
        "extract": tr("Index the frames"),
        "upscale": tr("Upscale"),
        "combine": tr("Combine"),
    }[step]


def step_status(status: StepStatus) -> str:
    """Return the state of a step in words."""
    return {
        "completed": trp("step", "done"),
        "in_progress": trp("step", "under way"),
        "failed": trp("step", "failed"),
        "pending": trp("step", "still to come"),
    }[status]


def quality_name(quality: str) -> str:
    """Return a quality in words; one that is not known as it is."""
    names = {"Fast": tr("Fast"), "Balanced": tr("Balanced"), "Quality": tr("Best quality")}
    return names.get(quality, quality)


def content_name(content: str) -> str:
    """Return a kind of content in words."""
    return {"anime": tr("Drawn (anime)"), "photo": tr("Filmed")}.get(content, content)


def noise_name(level: int) -> str:
    """Return a strength of noise reduction in words."""
    names = {
        -1: trp("noise reduction", "None"),
        0: trp("noise reduction", "0 (weakest)"),
        3: trp("noise reduction", "3 (strongest)"),
    }
    return names.get(level, f"{level}")


def engine_name(engine: str) -> str:
    """Return what runs the network in words."""
    return {"nearest": tr("none: pixels are repeated")}.get(engine, engine)


def deinterlacing_name(way: str) -> str:
    """Return a way of deinterlacing in words."""
    return {
        "auto": tr("where the video says so"),
        "on": trp("deinterlacing", "always"),
        "ivtc": tr("inverse telecine"),
        "off": trp("deinterlacing", "never"),
    }.get(way, way)


def alpha_name(choice: str) -> str:
    """Return what becomes of transparency in words."""
    return {"keep": tr("Keep"), "drop": tr("Put on black")}.get(choice, choice)


def reuse_name(mode: str) -> str:
    """Return in words what is not computed again."""
    return {
        "off": trp("reuse", "off"),
        "exact": tr("only what is the same"),
        "visual": tr("what looks the same"),
    }.get(mode, mode)


def frames(number: int) -> str:
    """Return a number of frames."""
    return trn("{number} frame", "{number} frames", number)


def frames_of(done: int, total: int) -> str:
    """Return how many of all frames."""
    return tr("{done} of {total} frames").format(done=f"{done:,}", total=f"{total:,}")


def time_of(left: Forecast) -> str:
    """Return a time left with the interval that it lies in."""
    return forecast(left.seconds, left.low, left.high)


def figures(
    *,
    done: int | None,
    total: int | None,
    speed: float | None,
    eta: Forecast | None,
    reused: float | None,
    disk: int | None,
) -> str:
    """Return the figures of a run in one line; those that are not known are left out."""
    parts = []
    if done is not None and total is not None:
        parts.append(frames_of(done, total))
    if speed is not None:
        parts.append(tr("{speed} frames/s").format(speed=f"{speed:.2f}"))
    if eta is not None:
        parts.append(tr("{time} left").format(time=time_of(eta)))
    if reused is not None and reused >= 0.005:
        parts.append(tr("{share} % reused").format(share=f"{100 * reused:.0f}"))
    if disk is not None:
        parts.append(tr("{size} on disk").format(size=size(disk)))
    return " · ".join(parts)


def value_name(field: str, value: object) -> str:
    """Return the value of a setting in words."""
    if value is None:
        return tr("by default")
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    known: dict[str, Callable[[str], str]] = {
        "quality": quality_name,
        "content": content_name,
        "engine": engine_name,
        "deinterlace": deinterlacing_name,
        "alpha": alpha_name,
        "reuse": reuse_name,
    }
    name = known.get(field.rpartition(".")[2])
    return name(str(value)) if name else str(value)


def setting_name(name: str) -> str:
    """Return a setting in words; one without words by its name."""
    return {
        "scale_factor": tr("Scale"),
        "size": tr("Size"),
        "quality": tr("Quality"),
        "content": tr("Content"),
        "noise_reduction": tr("Noise reduction"),
        "model": tr("Network"),
        "engine": tr("Engine"),
        "deinterlace": tr("Deinterlacing"),
        "crop": tr("Crop"),
        "alpha": tr("Transparency"),
        "rate": tr("Pictures per second"),
        "bitrate": tr("Bitrate"),
        "encoder_options": tr("Options of the encoder"),
        "bake_rotation": tr("Turn the pixels, not the tag"),
        "fps": tr("Frames per second"),
        "encoder": tr("Encoder"),
        "crf": tr("Constant quality (crf)"),
        "preset": tr("Encoder preset"),
        "pixel_format": tr("Pixel format"),
        "container": tr("Container"),
        "reuse": tr("Reuse"),
        "reuse_tolerance": tr("Reuse tolerance"),
        "range_start": tr("From"),
        "range_end": tr("To"),
        "segment_frames": tr("Frames of a segment"),
        "tile_size": tr("Tile size"),
        "device": tr("Device"),
        "workers": tr("Workers"),
        "loss_budget": tr("Loss budget"),
        "keep_frames": tr("Keep all frames as PNG"),
        "video_file": tr("Place of the video"),
        "content of the video": tr("Content of the video"),
    }.get(name, name.replace("_", " "))
