"""The encoders: FFmpeg's name of each, its quality, its options. One entry each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

THREADS = 4
"""Threads of every encoder. A constant, because x264 gives other bytes with another number."""

GOP = 240
"""Most frames between two key frames: seeking stays quick, about 10 s at film rate."""

X26X_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
SVT_PRESETS = tuple(str(speed) for speed in range(14))
VP9_PRESETS = tuple(str(speed) for speed in range(6))
PRORES_PRESETS = ("proxy", "lt", "standard", "hq", "4444", "4444xq")
NVENC_PRESETS = tuple(f"p{speed}" for speed in range(1, 8))
QSV_PRESETS = ("veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
AMF_PRESETS = ("speed", "balanced", "quality")

_QP2LAMBDA = 118
"""FFmpeg's ``FF_QP2LAMBDA``: the unit of its qualities."""


def _crf(crf: float) -> dict[str, str]:
    return {"crf": f"{crf:g}"}


def _vp9_quality(crf: float) -> dict[str, str]:
    return _crf(crf) | {"b": "0"}  # else the crf is only the best quality of a bitrate


def _nvenc_quality(crf: float) -> dict[str, str]:
    return {"rc": "vbr", "cq": f"{crf:g}", "b": "0"}


def _qsv_quality(crf: float) -> dict[str, str]:
    return {"global_quality": f"{crf:g}"}  # "intelligent constant quality", on the scale of crf


def _amf_quality(crf: float) -> dict[str, str]:
    return {"rc": "cqp", "qp_i": f"{crf:g}", "qp_p": f"{crf:g}"}


def _amf_av1_quality(crf: float) -> dict[str, str]:
    """AV1 counts 256 steps; those who write its encoders take four for one of crf."""
    step = f"{min(255, 4 * crf):g}"
    return {"rc": "cqp", "qp_i": step, "qp_p": step}


def _videotoolbox_quality(crf: float) -> dict[str, str]:
    """Its scale ends at 100, which is best, and begins at 1."""
    quality = 100 - crf * 99 / 51
    return {"flags": "+qscale", "global_quality": f"{round(quality * _QP2LAMBDA)}"}


class Encoder(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one encoder."""

    library: str
    """FFmpeg's name of it."""
    hardware: str = ""
    """The hardware it runs on; empty for one that runs on the processor alone."""
    crf: float | None
    """Constant quality unless set; None where the encoder has none."""
    min_crf: float = 0
    max_crf: float = 51
    whole_crf: bool = False
    """Whether it knows no fractions."""
    quality: Callable[[float], dict[str, str]] = _crf
    """Gives the options for a crf."""
    rate: dict[str, str] | None = None
    """Options for a bitrate, beside the bitrate itself; None where the encoder has none."""
    lossless: bool = False
    preset: str | None
    """None leaves it to the encoder."""
    presets: tuple[str, ...] = ()
    preset_option: str = "preset"
    """FFmpeg's name of the option that takes the preset."""
    parameters: str = ""
    """Option that takes the encoder's own parameters, such as ``x264-params``."""
    options: dict[str, str]
    """Options that every plan gets, threads and reproducibility among them."""
    general: tuple[str, ...] = ()
    """FFmpeg's options for encoders in general that this one heeds; most pass over most of them."""
    formats: tuple[str, ...] = ()
    """Pixel formats that are used; empty for all that FFmpeg names."""

    def options_for(
        self, crf: float | None, bitrate: str | None, preset: str | None
    ) -> dict[str, str]:
        """Return FFmpeg's options for these settings; None takes the default."""
        options = dict(self.options)
        if bitrate is not None:
            options |= {**(self.rate or {}), "b": bitrate}
        elif self.crf is not None:
            options |= self.quality(self.crf if crf is None else crf)
        if preset := preset or self.preset:
            options[self.preset_option] = preset
        return options


def _nvenc(codec: str, crf: float, *formats: str, max_crf: float = 51) -> Encoder:
    """NVENC; a quality of 0 would leave the choice to it. p5 is the first of its slow presets."""
    return Encoder(
        library=f"{codec}_nvenc",
        hardware="an NVIDIA graphics card",
        crf=crf,
        min_crf=1,
        max_crf=max_crf,
        quality=_nvenc_quality,
        rate={"rc": "vbr"},
        preset="p5",
        presets=NVENC_PRESETS,
        options={"g": str(GOP), "tune": "hq"},
        general=("g", "bf", "refs", "maxrate", "bufsize"),
        formats=formats,
    )


def _qsv(codec: str, crf: float, *formats: str) -> Encoder:
    """Quick Sync Video, through oneVPL."""
    return Encoder(
        library=f"{codec}_qsv",
        hardware="Intel graphics",
        crf=crf,
        min_crf=1,
        whole_crf=True,
        quality=_qsv_quality,
        rate={},
        preset="medium",
        presets=QSV_PRESETS,
        options={"g": str(GOP)},
        general=("g", "bf", "refs", "maxrate", "bufsize"),
        formats=formats,
    )


def _amf(
    codec: str,
    crf: float,
    *formats: str,
    quality: Callable[[float], dict[str, str]] = _amf_quality,
    max_crf: float = 51,
) -> Encoder:
    """AMF. Only constant quantizers are there on every card; its other qualities are not."""
    return Encoder(
        library=f"{codec}_amf",
        hardware="an AMD graphics card",
        crf=crf,
        max_crf=max_crf,
        whole_crf=True,
        quality=quality,
        rate={"rc": "vbr_latency"},  # its other one wants a greatest bitrate, too
        preset="quality",
        presets=AMF_PRESETS,
        preset_option="quality",
        options={"g": str(GOP), "usage": "transcoding"},
        general=("g", "refs", "maxrate", "bufsize"),
        formats=formats,
    )


def _videotoolbox(codec: str, crf: float, *formats: str) -> Encoder:
    """VideoToolbox; it falls back to the processor unless told not to."""
    return Encoder(
        library=f"{codec}_videotoolbox",
        hardware="a Mac",
        crf=crf,
        quality=_videotoolbox_quality,
        rate={},
        preset=None,
        options={"g": str(GOP), "allow_sw": "0", "realtime": "0"},
        general=("g", "bf", "maxrate"),
        formats=formats,
    )


ENCODERS: Mapping[str, Encoder] = {
    # crf 18 is generally held to be visually lossless for x264; medium is its own default.
    "x264": Encoder(
        library="libx264",
        parameters="x264-params",
        crf=18,
        rate={},
        preset="medium",
        presets=X26X_PRESETS,
        options={"g": str(GOP), "x264-params": "cpu-independent=1:stitchable=1"},
    ),
    # x265 reaches the quality of x264 at a crf that is two to four higher. Without info=0 a string
    # with the number of CPUs' features enters the bitstream.
    "x265": Encoder(
        library="libx265",
        parameters="x265-params",
        crf=20,
        rate={},
        preset="medium",
        presets=X26X_PRESETS,
        options={
            "g": str(GOP),
            "x265-params": f"frame-threads={THREADS}:pools={THREADS}:info=0:open-gop=0"
            ":log-level=error",
        },
    ),
    # Preset 6 is what SVT-AV1's own guide names for encodes that need not be quick.
    "svt-av1": Encoder(
        library="libsvtav1",
        parameters="svtav1-params",
        crf=24,
        max_crf=63,
        whole_crf=True,
        rate={},
        preset="6",
        presets=SVT_PRESETS,
        options={"g": str(GOP), "svtav1-params": f"lp={THREADS}"},
    ),
    # The crf and speed of FFmpeg's guide for files that are kept.
    "vp9": Encoder(
        library="libvpx-vp9",
        crf=24,
        max_crf=63,
        whole_crf=True,
        quality=_vp9_quality,
        rate={},
        preset="2",
        presets=VP9_PRESETS,
        preset_option="cpu-used",
        options={"g": str(GOP), "deadline": "good", "row-mt": "1", "tile-columns": "2"},
        general=("g", "keyint_min", "qmin", "qmax", "maxrate", "minrate", "bufsize"),
    ),
    # The profile that editing programs expect unless told otherwise: hq for 4:2:2, 4444 for 4:4:4.
    "prores": Encoder(
        library="prores_ks",
        crf=None,
        preset=None,
        presets=PRORES_PRESETS,
        preset_option="profile",
        options={"vendor": "apl0"},
    ),
    # Version 3 with checksums in every slice, each frame by itself: the archivists' setting.
    "ffv1": Encoder(
        library="ffv1",
        crf=None,
        lossless=True,
        preset=None,
        options={
            "g": "1",
            "level": "3",
            "coder": "range_def",
            "context": "1",
            "slices": "4",
            "slicecrc": "1",
        },
        general=("level", "slices"),
    ),
    # Pictures of their own; the filter and the effort of its libraries.
    "png": Encoder(
        library="png",
        crf=None,
        lossless=True,
        preset=None,
        options={"pred": "mixed", "compression_level": "6"},
    ),
    # Hardware has no 10-bit H.264, but for the newest cards of one maker.
    "h264-nvenc": _nvenc("h264", 20, "nv12"),
    "hevc-nvenc": _nvenc("hevc", 22, "nv12", "p010le"),
    "av1-nvenc": _nvenc("av1", 26, "nv12", "p010le", max_crf=63),
    "h264-qsv": _qsv("h264", 20, "nv12"),
    "hevc-qsv": _qsv("hevc", 22, "nv12", "p010le"),
    "av1-qsv": _qsv("av1", 24, "nv12", "p010le"),
    "h264-amf": _amf("h264", 20, "nv12"),
    "hevc-amf": _amf("hevc", 22, "nv12", "p010le"),
    "av1-amf": _amf("av1", 26, "nv12", "p010le", quality=_amf_av1_quality, max_crf=63),
    "h264-videotoolbox": _videotoolbox("h264", 20, "nv12"),
    "hevc-videotoolbox": _videotoolbox("hevc", 22, "nv12", "p010le"),
}
