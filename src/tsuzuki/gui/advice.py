"""What a failure means to the person: what happened, that the work is safe, and what helps.

Errors are told apart by their codes. The library's own sentence is shown as well, as it names the
file or the number that matters.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from tsuzuki.language import tr

Action = Literal[
    "retry",
    "choose-output",
    "overwrite",
    "free-space",
    "accept-changes",
    "take-over",
    "without-copy",
    "accept-damage",
    "accept-hdr-loss",
    "accept-frame",
    "smaller-tiles",
    "on-processor",
    "start-over",
    "repair",
    "find-video",
    "agree",
    "change-settings",
    "show-log",
]
"""What a button can do about a failure."""


class Advice(NamedTuple):
    """What is shown of a failure."""

    title: str
    what_to_do: str
    actions: tuple[Action, ...]
    """The best first."""


def advice_on(code: str, details: dict[str, Any] | None = None) -> Advice:
    """Return what to tell of the error with this code; ``details`` are those of the error."""
    title, what = _texts().get(code, (None, None))
    if title is None or what is None:
        title, what = _texts()["error"]
    actions: tuple[Action, ...] = _ACTIONS.get(code, ("retry", "show-log"))
    if code == "out-of-memory" and "tile_size" not in (details or {}):
        actions = ("retry", "on-processor", "show-log")
    return Advice(title, what, actions)


def action_name(action: Action) -> str:
    """Return what stands on the button."""
    return {
        "retry": tr("Try again"),
        "choose-output": tr("Choose another place…"),
        "overwrite": tr("Replace the file"),
        "free-space": tr("Show the folder"),
        "accept-changes": tr("Go on all the same"),
        "accept-damage": tr("Go on all the same"),
        "accept-hdr-loss": tr("Go on without it"),
        "accept-frame": tr("Take the frame as it is"),
        "smaller-tiles": tr("Go on with smaller tiles"),
        "on-processor": tr("Go on on the processor"),
        "start-over": tr("Start over…"),
        "repair": tr("Repair and go on"),
        "find-video": tr("Find the video…"),
        "agree": tr("Yes, use these"),
        "take-over": tr("Take it over"),
        "without-copy": tr("Go on without a copy"),
        "change-settings": tr("Change the settings"),
        "show-log": tr("Show the log"),
    }[action]


def action_warning(action: Action) -> str:
    """Return what a person has to know before pressing the button; empty where that is nothing."""
    changed = tr(
        "Then the output will not have exactly the bytes that an uninterrupted run would have "
        "written. The session remembers that."
    )
    return {
        "accept-changes": changed,
        "smaller-tiles": changed,
        "on-processor": changed,
        "overwrite": tr("The file that is there now is lost once the new one is complete."),
        "accept-hdr-loss": tr("The output will have the plain HDR picture only."),
        "accept-damage": tr("Damaged frames are patched or repeat a neighbour."),
        "accept-frame": tr("The frame may look broken in the output."),
        "take-over": tr("The other machine stops as soon as it sees that."),
        "without-copy": tr("What is in the store stays as it is; the work here goes on alone."),
    }.get(action, "")


_ACTIONS: dict[str, tuple[Action, ...]] = {
    "settings": ("change-settings",),
    "missing-extra": ("retry", "change-settings"),
    "input-not-found": ("find-video", "retry"),
    "input-permission": ("retry",),
    "not-a-video": (),
    "damaged-video": (),
    "damaged-frames": ("accept-damage", "show-log"),
    "hdr-loss": ("accept-hdr-loss",),
    "unsupported-video": (),
    "output": ("choose-output", "retry"),
    "output-exists": ("choose-output", "overwrite"),
    "output-folder": ("choose-output", "retry"),
    "output-is-input": ("choose-output",),
    "container": ("choose-output", "change-settings"),
    "encoder": ("change-settings",),
    "session-busy": ("retry",),
    "session-not-found": ("start-over",),
    "session-differs": ("accept-changes", "start-over"),
    "session-damaged": ("repair", "start-over"),
    "session-foreign": ("agree",),
    "session-leased": ("retry", "take-over"),
    "cloud": ("retry", "without-copy", "show-log"),
    "disk-full": ("free-space", "retry", "choose-output"),
    "storage": ("retry", "choose-output", "show-log"),
    "out-of-memory": ("smaller-tiles", "retry", "on-processor"),
    "engine": ("retry", "on-processor", "show-log"),
    "device": ("on-processor", "retry"),
    "model": ("retry", "change-settings"),
    "suspicious-frame": ("retry", "accept-frame", "on-processor"),
    "worker": ("retry", "on-processor", "show-log"),
}


def _texts() -> dict[str, tuple[str, str]]:
    """Return title and advice by code."""
    return {**_texts_on_inputs(), **_texts_on_outputs(), **_texts_on_the_machine()}


def _texts_on_inputs() -> dict[str, tuple[str, str]]:
    return {
        "settings": (tr("These settings cannot be used"), tr("Change them and start again.")),
        "cluster": (
            tr("The cluster cannot be used"),
            tr("Look whether it runs and can be reached, or go on without it."),
        ),
        "missing-extra": (
            tr("A package is not installed"),
            tr("Install it as the message says, then try again; or change the settings."),
        ),
        "input": (tr("The video cannot be used"), tr("Choose another file.")),
        "input-not-found": (
            tr("The video is not there"),
            tr("Connect its disk, or say where it is now."),
        ),
        "input-permission": (
            tr("The video may not be read"),
            tr("Give yourself the right to read it, then try again."),
        ),
        "not-a-video": (
            tr("This is no video"),
            tr("Choose a file with moving pictures, such as MP4, MKV, WebM, MOV, AVI or TS."),
        ),
        "damaged-video": (
            tr("The video is damaged"),
            tr("Get it again from where it came, or repair it with another program."),
        ),
        "damaged-frames": (
            tr("Many frames of the video are damaged"),
            tr("Get the video again, or go on with what can be decoded."),
        ),
        "hdr-loss": (
            tr("Dynamic HDR metadata would be lost"),
            tr("Dolby Vision and HDR10+ cannot be carried over. Go on without, or keep the video."),
        ),
        "unsupported-video": (
            tr("This kind of video is not supported"),
            tr("Convert it to a common format with another program first."),
        ),
        "session": (tr("The session cannot be used"), tr("Try again, or start over.")),
        "session-not-found": (
            tr("The session is gone"),
            tr("Its work was removed, or its output is complete. Start over if you need it."),
        ),
        "session-busy": (
            tr("Another process works on this"),
            tr("Wait until it has ended, then try again."),
        ),
        "session-differs": (
            tr("Something has changed since the work began"),
            tr("Put it back as it was, go on all the same, or start over."),
        ),
        "cloud": (
            tr("The store fails or cannot be reached"),
            tr("Check the connection and its address, then try again."),
        ),
        "session-leased": (
            tr("Another machine works on this"),
            tr("Wait until it has ended, or take the session over from it."),
        ),
        "session-damaged": (
            tr("A part of the finished work is damaged"),
            tr("Repairing sets it aside; only that part is computed again."),
        ),
        "session-foreign": (
            tr("This session was begun elsewhere"),
            tr("If it is right that it reads this video and writes this output, say so."),
        ),
        "unsafe-folder": (
            tr("The sessions folder is not safe"),
            tr("Other users could change it. Choose a folder of your own."),
        ),
    }


def _texts_on_outputs() -> dict[str, tuple[str, str]]:
    return {
        "output": (tr("The output cannot be written"), tr("Choose another place for it.")),
        "output-exists": (
            tr("There is a file of that name already"),
            tr("Choose another place, or have it replaced."),
        ),
        "output-folder": (
            tr("Nothing can be written in that folder"),
            tr("Make the folder, or choose another one."),
        ),
        "output-is-input": (
            tr("The output would replace the video itself"),
            tr("Choose another place for it."),
        ),
        "container": (
            tr("The container does not suit"),
            tr("Choose another name or container for the output."),
        ),
        "encoder": (tr("The encoder refuses"), tr("Choose another encoder or other options.")),
    }


def _texts_on_the_machine() -> dict[str, tuple[str, str]]:
    later = tr("Close other programs, then try again.")
    return {
        "resource": (tr("The computer lacks something"), later),
        "disk-full": (
            tr("The disk is full"),
            tr("Free some space, then try again; or write the output to another disk."),
        ),
        "storage": (
            tr("A disk fails or has gone away"),
            tr("Connect it again and try again, or choose another place."),
        ),
        "out-of-memory": (tr("There is too little memory"), later),
        "engine": (
            tr("The network failed"),
            tr("Try again. If it fails again, update the driver or use the processor."),
        ),
        "device": (
            tr("The device cannot be used"),
            tr("Install its driver with Vulkan, or use the processor."),
        ),
        "model": (
            tr("The files of the network are missing or damaged"),
            tr("Install the package of the network again."),
        ),
        "suspicious-frame": (
            tr("A frame came out of the network broken"),
            tr("Try again, use the processor, or take the frame as it is."),
        ),
        "worker": (
            tr("The worker process ended several times"),
            tr("Try again; if it ends again, use the processor. The log tells more."),
        ),
        "died": (
            tr("The run ended without a word"),
            tr(
                "It was killed, or the computer was switched off. Try again: it goes on from the "
                "frame where it ended."
            ),
        ),
        "error": (tr("An error occurred"), tr("Try again. The log tells more.")),
    }
