"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from tsuzuki.purposes import PURPOSES
from tsuzuki.settings import (
    ALPHAS,
    CONTAINERS,
    CONTENTS,
    DEINTERLACES,
    ENGINES,
    HARDWARE_ENCODERS,
    MAX_SIZE,
    NOISE_REDUCTION_LEVELS,
    QUALITIES,
    REUSES,
    SOFTWARE_ENCODERS,
    ProcessingSettings,
)

PICTURE, ENCODING, RUN, FINE = "Picture", "Encoding", "Run", "Fine tuning"
DEFAULTS = ProcessingSettings()


def _choices(values: Iterable[object]) -> str:
    return "|".join(map(str, values))


Scale = Annotated[
    float,
    typer.Option(
        "--scale", help="Output size divided by input size, 1 to 8.", rich_help_panel=PICTURE
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH|Wx|xH",
        help="Size of the output in pixels instead of a scale: the largest that fits into "
        "1920x1080, or one side, 1920x or x1080. Pixels become square.",
        rich_help_panel=PICTURE,
    ),
]
Width = Annotated[
    int | None,
    typer.Option(
        "--width",
        min=1,
        max=MAX_SIZE,
        help="Width of the output in pixels, the same as --size Wx.",
        rich_help_panel=PICTURE,
    ),
]
Height = Annotated[
    int | None,
    typer.Option(
        "--height",
        min=1,
        max=MAX_SIZE,
        help="Height of the output in pixels, such as 1080, the same as --size xH.",
        rich_help_panel=PICTURE,
    ),
]
Rate = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="N|N/M",
        help="Pictures a second of a sequence of pictures, such as 24 or 30000/1001.",
        show_default="25",
        rich_help_panel=PICTURE,
    ),
]
Alpha = Annotated[
    str,
    typer.Option(
        "--alpha",
        metavar=_choices(ALPHAS),
        help="Keep transparency, which few encoders can, or drop it: show the video on black.",
        rich_help_panel=PICTURE,
    ),
]
Deinterlace = Annotated[
    str,
    typer.Option(
        "--deinterlace",
        metavar=_choices(DEINTERLACES),
        help="Make whole pictures of interlaced ones: where the video says so or clearly looks so "
        "(telecined film gets back its own frames), always, by inverse telecine, or never.",
        rich_help_panel=PICTURE,
    ),
]
CropOption = Annotated[
    str,
    typer.Option(
        "--crop",
        metavar="auto|off|W:H:X:Y",
        help="Cut off black borders that are part of the picture, or keep W by H pixels, X from "
        "the left and Y from the top of the picture before it is turned.",
        rich_help_panel=PICTURE,
    ),
]
BakeRotation = Annotated[
    bool,
    typer.Option(
        "--bake-rotation",
        help="Turn the pixels where the video has a tag that asks players to turn the picture; "
        "else the tag is kept.",
        rich_help_panel=PICTURE,
    ),
]
Fps = Annotated[
    str | None,
    typer.Option(
        "--fps",
        metavar="RATE",
        help="Frames per second, such as 30 or 24000/1001: leave frames out or repeat them, so "
        "that all last equally long. None is made up.",
        show_default="the video's own times",
        rich_help_panel=PICTURE,
    ),
]
Quality = Annotated[
    str,
    typer.Option(
        "--quality",
        metavar=_choices(QUALITIES),
        help="From fastest to best.",
        rich_help_panel=PICTURE,
    ),
]
Content = Annotated[
    str,
    typer.Option(
        "--content",
        metavar=_choices(CONTENTS),
        help="What the video shows: drawn or filmed.",
        rich_help_panel=PICTURE,
    ),
]
NoiseReduction = Annotated[
    int,
    typer.Option(
        "--noise-reduction",
        metavar=_choices(NOISE_REDUCTION_LEVELS),
        help="-1 is none, 3 the strongest.",
        rich_help_panel=PICTURE,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="A network by name (see tsuzuki models).",
        show_default="by quality and content",
        rich_help_panel=PICTURE,
    ),
]
Range = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="START-END",
        help="Upscale a part only: seconds or timecodes, such as 90-120, 1:30-2:00 or 10:00-.",
        show_default="all of it",
        rich_help_panel=PICTURE,
    ),
]
Encoder = Annotated[
    str,
    typer.Option(
        "--encoder",
        metavar=_choices((*SOFTWARE_ENCODERS, "HARDWARE")),
        help="Encoder of the output. On graphics hardware, not promised to give the same bytes "
        f"again: {', '.join(HARDWARE_ENCODERS)} (see tsuzuki doctor).",
        rich_help_panel=ENCODING,
    ),
]
For = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar=_choices(PURPOSES),
        help="Encoding by purpose: lossless, for the web, for editing programs, or small and "
        "playable everywhere. The other options of this part go before it.",
        rich_help_panel=ENCODING,
    ),
]
Crf = Annotated[
    float | None,
    typer.Option(
        "--crf",
        help="Constant quality, 0 to 51 (svt-av1, vp9, av1-nvenc, av1-amf: 63); lower is better "
        "and larger.",
        show_default="the encoder's",
        rich_help_panel=ENCODING,
    ),
]
Bitrate = Annotated[
    str | None,
    typer.Option(
        "--bitrate",
        metavar="RATE",
        help="Bits a second instead of a quality, such as 8M or 6000k. It holds for each segment "
        "by itself, and is not promised to give the same bytes again.",
        show_default="constant quality",
        rich_help_panel=ENCODING,
    ),
]
EncoderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder-option",
        metavar="KEY=VALUE",
        help="A further option of the encoder, as FFmpeg or the encoder itself names it, such as "
        "aq-mode=3. Can be given several times.",
        show_default=False,
        rich_help_panel=ENCODING,
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="The encoder's own preset, such as slow (x264, x265) or 6 (svt-av1).",
        show_default="the encoder's",
        rich_help_panel=ENCODING,
    ),
]
PixelFormat = Annotated[
    str | None,
    typer.Option(
        "--pixel-format",
        help="As FFmpeg names it, such as yuv420p10le.",
        show_default="like the source",
        rich_help_panel=ENCODING,
    ),
]
Container = Annotated[
    str,
    typer.Option(
        "--container",
        metavar=_choices(CONTAINERS),
        help="auto: the source's where it can hold everything, else mkv.",
        rich_help_panel=ENCODING,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The output file, or an existing folder for it.",
        show_default="NAME_2x.EXT beside the input",
    ),
]
OtherOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Another output file, or an existing folder for it.",
        show_default="the session's",
    ),
]
OtherTileSize = Annotated[
    int | None,
    typer.Option(
        "--tile-size",
        help="Go on with other tiles, in pixels, where memory is short; the last bits may differ.",
        show_default="the session's",
        rich_help_panel=FINE,
    ),
]
OnExisting = Annotated[
    str,
    typer.Option(
        "--on-existing",
        metavar="ask|resume|restart|fail",
        help="What to do with an unfinished session of the same video. Without a terminal and with "
        "several inputs, ask means resume.",
        rich_help_panel=RUN,
    ),
]
AcceptChanges = Annotated[
    bool,
    typer.Option(
        "--accept-changes",
        help="Go on although the video, the model or a version has changed since the session "
        "began. The output then is not what an uninterrupted run would have written.",
        rich_help_panel=RUN,
    ),
]
AcceptDamage = Annotated[
    bool,
    typer.Option(
        "--accept-damage",
        help="Go on however many frames of the video cannot be decoded.",
        rich_help_panel=RUN,
    ),
]
AcceptHdrLoss = Annotated[
    bool,
    typer.Option(
        "--accept-hdr-loss",
        help="Go on without the dynamic HDR metadata (Dolby Vision, HDR10+) of the video.",
        rich_help_panel=RUN,
    ),
]
AcceptSuspicious = Annotated[
    list[int] | None,
    typer.Option(
        "--accept-suspicious",
        metavar="FRAME",
        min=1,
        help="Take this frame as it comes out of the network, though it looks broken.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an existing output.", rich_help_panel=RUN)
]
Estimate = Annotated[
    bool,
    typer.Option(
        "--estimate",
        help="Say how long it will take, from a trial of a few frames spread over the video; "
        "nothing is written.",
        rich_help_panel=RUN,
    ),
]
KeepFrames = Annotated[
    bool,
    typer.Option(
        "--keep-frames",
        help="Keep every extracted and upscaled frame as PNG in the session's folder. "
        "Needs much disk.",
        rich_help_panel=RUN,
    ),
]
SessionsDir = Annotated[
    Path | None,
    typer.Option(
        "--sessions-dir",
        envvar="TSUZUKI_SESSIONS_DIR",
        help="Where sessions are kept.",
        show_default="in the user's state folder",
        rich_help_panel=RUN,
    ),
]
AllowSleep = Annotated[
    bool,
    typer.Option(
        "--allow-sleep", help="Let the computer sleep while it works.", rich_help_panel=RUN
    ),
]
Notify = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        envvar="TSUZUKI_NOTIFY",
        metavar="desktop|URL",
        help="Tell of the end and of a pause: on the desktop (extra notify), or by a POST of JSON "
        "to a URL. Can be given several times. TSUZUKI_NOTIFY keeps a secret URL off the command "
        "line.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One event a line as JSON on stdout and nothing else.",
        rich_help_panel=RUN,
    ),
]
JsonInterval = Annotated[
    float,
    typer.Option(
        "--json-interval",
        min=0.0,
        help="With --json: seconds between two events of progress of a step, at least.",
        rich_help_panel=RUN,
    ),
]
StopFile = Annotated[
    Path | None,
    typer.Option(
        "--stop-file",
        help="Stop as Ctrl-C does when this file appears; when the word segment is in it, after "
        "the segment in work.",
        rich_help_panel=RUN,
    ),
]
Sync = Annotated[
    str | None,
    typer.Option(
        "--sync",
        metavar="URL",
        help="Keep a copy of the session in a store (a folder, s3://, sftp:// or gdrive://; see "
        "tsuzuki cloud), to go on from on another machine. It is removed when the output is "
        "complete.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
SyncEvery = Annotated[
    float,
    typer.Option(
        "--sync-every",
        metavar="SECONDS",
        min=1,
        max=86400,
        help="How often the copy is brought up to date.",
        rich_help_panel=RUN,
    ),
]
TakeOver = Annotated[
    bool,
    typer.Option(
        "--take-over",
        help="Take a session in a store over from another machine, which stops when it sees that.",
    ),
]
Limit = Annotated[
    float | None,
    typer.Option(
        "--limit", metavar="MB/S", min=0.001, help="Speed to stay below.", show_default="none"
    ),
]
JsonResult = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|gpu:N",
        help="What the network runs on (see tsuzuki doctor).",
        rich_help_panel=FINE,
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar=_choices(ENGINES),
        help="What runs the network; nearest repeats pixels.",
        rich_help_panel=FINE,
    ),
]
SegmentFrames = Annotated[
    int | None,
    typer.Option(
        "--segment-frames",
        help="Longest segment, 1 to 480 frames.",
        show_default="by the output's size",
        rich_help_panel=FINE,
    ),
]
Reuse = Annotated[
    str,
    typer.Option(
        "--reuse",
        metavar=_choices(REUSES),
        help="Compute only what has changed since the last frame: exact where the pixels are the "
        "same, visual where no difference can be seen; off computes every frame as a whole.",
        rich_help_panel=PICTURE,
    ),
]
ReuseTolerance = Annotated[
    float,
    typer.Option(
        "--reuse-tolerance",
        help="For visual: difference of a pixel, of 255, that is no change yet.",
        rich_help_panel=FINE,
    ),
]
TileSize = Annotated[
    int | None,
    typer.Option(
        "--tile-size",
        help="Edge of the tiles that large frames are cut into, in pixels.",
        show_default="by the frame's size",
        rich_help_panel=FINE,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=1,
        max=64,
        help="Processes that render side by side: one for each GPU. The bytes stay the same.",
        rich_help_panel=RUN,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="local:N|auto|ray://HOST:PORT",
        help="Render on the nodes of a Ray cluster: N workers on this machine to try it, the "
        "cluster that this machine belongs to, or another one. The bytes stay the same.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
LossBudget = Annotated[
    float,
    typer.Option(
        "--loss-budget",
        help="Seconds of finished work that a kill may cost at most.",
        rich_help_panel=FINE,
    ),
]
