"""Options that the user hands on to the encoder: which are refused, and where the others go."""

from __future__ import annotations

import re
from collections.abc import Mapping

import av
from av.codec.context import OptionType

from tsuzuki.errors import SettingsError
from tsuzuki.video.encoders import Encoder

_REFUSED = {
    "the program fixes the number of threads, on which the bytes depend": """
        threads thread-type lookahead-threads sliced-threads sync-lookahead frame-threads pools
        numa-pools lp ss pin wpp pmode pme threaded-me""",
    "the bytes would depend on the machine or differ from run to run": """
        deterministic non-deterministic n-deterministic cpu-independent stitchable asm cpuid avx512
        opencl opencl-clbin opencl-device info copy-pic svt""",
    "it takes several passes or another file, of which a resumed run knows nothing": """
        pass passes stats stats-read stats-write passlogfile x265-stats stat-file stat-report
        enable-stat-report multi-pass-opt-analysis multi-pass-opt-distortion multi-pass-opt-rps
        vbv-live-multi-pass analysis-save analysis-load analysis-reuse-file analysis-reuse-mode
        analysis-reuse-level analysis-save-reuse-level analysis-load-reuse-level csv csv-log-level
        lambda-file scaling-list zonefile dhdr10-info dolby-vision-rpu dolby-vision-profile
        dolbyvision nalu-file aom-film-grain cqmfile dump-yuv qpfile recon fgs-table ctu-info
        use-q-file roi roi-map-file load-plugin load-plugins log-file logfile log-file-level""",
    "the program writes it as the source has it": """
        colorprim colormatrix transfer range fullrange chromaloc videoformat overscan sar
        color-primaries transfer-characteristics matrix-coefficients color-range color-format
        chroma-sample-position alternative-transfer atc-sei video-signal-type-preset frame-packing
        display-window crop-rect master-display mastering-display max-cll cll content-light hdr
        hdr10 fps fps-num fps-denom timebase force-cfr vfr-input interlaced interlace tff bff
        fake-interlaced field pic-struct input-csp input-res input-depth output-depth bitdepth
        width height frames total-frames seek""",
    "every frame has to become one packet, and segments have to be joined": """
        annexb repeat-headers global-header sps-id frame-dup dup-threshold drop-threshold skip-frame
        frame-skipping chunk-start chunk-end hrd-concat eos eob splice temporal-layers""",
    "it counts frames, and every segment counts them anew": "zones",
    "the program decides what is logged": "log log-level debug",
    "quality and size are chosen by --crf or --bitrate": """
        crf bitrate qp qp-constant cqp rc tbr b 2pass cbr qvbr-quality-level""",
    "give what is in it one by one, each as an option of its own": "x264opts",
}
"""Why an option cannot be given, with the names of which that is true."""

_WHY = {name: why for why, names in _REFUSED.items() for name in names.split()}

_BUFFER = """
    vbv-maxrate vbv-bufsize vbv-init vbv-end vbv-end-fr-adj min-vbv-fullness max-vbv-fullness
    nal-hrd hrd filler strict-cbr const-vbv crf-max crf-min maxrate minrate bufsize mbr
    mbr-overshoot-pct buf-sz buf-initial-sz buf-optimal-sz"""
"""Options of the decoder's buffer. With several threads, what comes out depends on their speed."""


def check_names(
    options: Mapping[str, str], name: str, encoder: Encoder, bitrate: str | None
) -> None:
    """Raise `SettingsError` for an option that would break the program or its promises."""
    for key, value in options.items():
        if why := _reason(key, value, name, encoder, bitrate):
            raise SettingsError(
                f"The encoder option {key} of {name} cannot be given: {why}. Leave it out.",
                setting="encoder_options",
                option=key,
            )


def _reason(key: str, value: str, name: str, encoder: Encoder, bitrate: str | None) -> str | None:
    plain = key.lower().replace("_", "-").removeprefix("no-")
    if key == encoder.preset_option:
        return "it is chosen by --preset"
    chosen = encoder.quality(encoder.crf) if encoder.crf is not None else {}
    if key in chosen:
        return _WHY["crf"]
    if plain in _BUFFER.split() and bitrate is None and not encoder.hardware:
        return "with a crf the bytes would differ from run to run; with --bitrate it can be given"
    if plain == "film-grain" and name == "x265":
        return _WHY["pass"]
    if "/" in value or "\\" in value:
        return (
            "its value looks like the path of a file, and encoders may neither read nor write any"
        )
    return _WHY.get("x264opts" if plain.endswith(("-params", "-parameters")) else plain)


def with_options(
    base: Mapping[str, str], wishes: Mapping[str, str], name: str, encoder: Encoder
) -> dict[str, str]:
    """Return FFmpeg's options ``base`` with those of the user.

    Each goes to FFmpeg where it knows the name for this encoder, else to the encoder's own
    parameters. Raises `SettingsError` where there are none.
    """
    options, known = dict(base), _known(encoder)
    for key, value in wishes.items():
        if key in known:
            options[key] = value
        elif encoder.parameters:
            options[encoder.parameters] += f":{key}={_escaped(value)}"
        else:
            raise SettingsError(
                f"{name} ({encoder.library}) has no option {key}. It knows "
                f"{', '.join(sorted(known))}.",
                setting="encoder_options",
                option=key,
            )
    return options


def _known(encoder: Encoder) -> frozenset[str]:
    """Names of FFmpeg's options for this encoder."""
    own = av.CodecContext.create(encoder.library, "w").supported_options.private
    names = {option.name for option in own if option.type != OptionType.DICT}
    return frozenset(names.difference({"x264opts"}).union(encoder.general))


def _escaped(value: str) -> str:
    """Return the value as FFmpeg reads it among others that ``:`` separates."""
    return re.sub(r"([\\':])", r"\\\1", value)
