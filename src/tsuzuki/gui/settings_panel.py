"""What the person can choose: a few settings, and the others on request."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tsuzuki.errors import SettingsError
from tsuzuki.gui import fields as f
from tsuzuki.gui import words
from tsuzuki.gui.widgets import choice, choose, label
from tsuzuki.language import tr, trp
from tsuzuki.purposes import PURPOSES
from tsuzuki.settings import (
    ALPHAS,
    CONTAINERS,
    CONTENTS,
    DEINTERLACES,
    ENCODERS,
    ENGINES,
    MAX_SCALE,
    MIN_SCALE,
    NOISE_REDUCTION_LEVELS,
    QUALITIES,
    REUSES,
    ProcessingSettings,
)

OWN = "own"
"""Purpose that is none: the encoding is chosen by itself."""
_ENCODING = ("encoder", "crf", "bitrate", "preset", "pixel_format", "container")


class SettingsPanel(QWidget):
    """Shows settings and gives those that were chosen."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._present = ProcessingSettings()
        self._silent = False
        self._fields: dict[str, f.Field] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._basic())
        self._toggle = QToolButton()
        self._toggle.setCheckable(True)
        self._toggle.setObjectName("advanced")
        self._toggle.setAutoRaise(True)
        self._toggle.toggled.connect(self.show_advanced)
        layout.addWidget(self._toggle)
        self._advanced = self._advanced_part()
        layout.addWidget(self._advanced)
        layout.addStretch(1)
        for field in self._fields.values():
            field.changed.connect(self._on_change)
        self.show_advanced(False)
        self.set_settings(self._present)

    @property
    def is_advanced(self) -> bool:
        """Whether the advanced settings are shown."""
        return self._toggle.isChecked()

    def show_advanced(self, shown: bool) -> None:  # noqa: FBT001 - a slot
        """Show or hide the advanced settings."""
        self._toggle.setChecked(shown)
        arrow = "▾ " if shown else "▸ "
        self._toggle.setText(arrow + tr("Advanced settings"))
        self._advanced.setVisible(shown)

    def settings(self) -> ProcessingSettings:
        """Return what was chosen; raises `SettingsError` where that is impossible.

        Settings that the panel does not show stay as they were set.
        """
        chosen = {name: field.get() for name, field in self._fields.items()}
        if self._by_size.currentData() == "size":
            chosen["scale_factor"] = ProcessingSettings().scale_factor
            chosen["size"] = self._size.text().strip() or None
            if chosen["size"] is None:
                raise SettingsError("Type a size, such as 1920x1080, 1920x or x1080.")
        else:
            chosen["size"] = None
        chosen["encoder_options"] = chosen["encoder_options"] or {}
        for name in ("range_start", "range_end"):
            if chosen[name] is not None:
                chosen[name] = str(chosen[name])
        return ProcessingSettings.from_dict({**self._present.to_dict(), **chosen})

    def set_settings(self, settings: ProcessingSettings) -> None:
        """Show other settings."""
        self._present, self._silent = settings, True
        for name, field in self._fields.items():
            field.put(getattr(settings, name))
        choose(self._by_size, "size" if settings.size else "scale")
        self._size.setText(settings.size or "")
        self._show_size()
        self._silent = False
        self._show_purpose()
        self.changed.emit()

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """Offer these devices, each with its name and title."""
        box = self._device
        self._silent, chosen = True, box.currentData()
        box.clear()
        box.addItem(tr("Automatic"), "auto")
        for name, title in devices:
            box.addItem(tr("Processor") if name == "cpu" else f"{title} ({name})", name)
        choose(box, chosen)
        self._silent = False

    def set_networks(self, names: Sequence[str]) -> None:
        """Offer these networks."""
        box: Any = self._fields["model"].widget
        self._silent, chosen = True, self._fields["model"].get()
        box.clear()
        box.addItem(tr("by quality and content"), None)
        for name in names:
            box.addItem(name, name)
        choose(box, chosen)
        self._silent = False

    # The parts

    def _basic(self) -> QWidget:
        group = QGroupBox(tr("Settings"))
        form = _form(group)
        form.addRow(tr("Enlarge"), self._enlargement())
        self._add(form, f.chooser("quality", [(q, words.quality_name(q)) for q in QUALITIES]))
        self._add(form, f.chooser("content", [(c, words.content_name(c)) for c in CONTENTS]))
        levels = [(level, words.noise_name(level)) for level in NOISE_REDUCTION_LEVELS]
        self._add(form, f.chooser("noise_reduction", levels))
        self._purpose = choice(_purposes(), name="purpose")
        self._purpose.setAccessibleName(tr("Made for"))
        self._purpose.currentIndexChanged.connect(self._on_purpose)
        form.addRow(tr("Made for"), self._purpose)
        device = f.chooser("device", [("auto", tr("Automatic")), ("cpu", tr("Processor"))])
        self._device: Any = device.widget
        self._add(form, device)
        return group

    def _enlargement(self) -> QWidget:
        row = QWidget()
        inside = QHBoxLayout(row)
        inside.setContentsMargins(0, 0, 0, 0)
        self._by_size = choice(
            [("scale", tr("by a factor")), ("size", tr("to a size"))], name="by-size"
        )
        self._by_size.setAccessibleName(tr("How the size is chosen"))
        scale = f.decimal_number("scale_factor", MIN_SCALE, MAX_SCALE, 0.5, unit="x")
        scale.widget.setAccessibleName(tr("Scale"))
        self._fields["scale_factor"] = scale
        assert isinstance(scale.widget, QDoubleSpinBox)
        self._scale = scale.widget
        self._scale.setDecimals(2)
        self._size = QLineEdit(placeholderText="1920x1080")
        self._size.setObjectName("setting-size")
        self._size.setAccessibleName(tr("Size of the output in pixels"))
        self._by_size.currentIndexChanged.connect(self._show_size)
        self._by_size.currentIndexChanged.connect(self._on_change)
        self._size.textChanged.connect(self._on_change)
        for part in (self._by_size, self._scale, self._size):
            inside.addWidget(part)
        inside.setStretch(2, 1)
        return row

    def _advanced_part(self) -> QWidget:
        group = QGroupBox(tr("Advanced"))
        form = _form(group)
        by_default = tr("by default")
        self._add(form, f.editable("model", [(None, tr("by quality and content"))]))
        self._add(form, f.chooser("engine", [(e, words.engine_name(e)) for e in ENGINES]))
        self._add(form, f.chooser("encoder", [(e, e) for e in ENCODERS]))
        self._add(
            form,
            f.line("crf", f.as_number, tr("0 to 51 (SVT-AV1: 63); lower is better and larger.")),
        )
        tip = tr("Bits a second, such as 8M, instead of a quality; other bytes may come out.")
        self._add(form, f.line("bitrate", str, tip, tr("constant quality")))
        tip = tr("KEY=VALUE with spaces between them, such as aq-mode=3.")
        self._add(form, f.line("encoder_options", f.as_options, tip, tr("none")))
        self._add(form, f.line("preset", str, tr("The encoder's own preset, such as slow or 6.")))
        self._add(form, f.line("pixel_format", str, tr("As FFmpeg names it: yuv420p10le.")))
        containers = [(c, tr("Automatic") if c == "auto" else c) for c in CONTAINERS]
        self._add(form, f.chooser("container", containers))
        self._add(
            form, f.chooser("deinterlace", [(d, words.deinterlacing_name(d)) for d in DEINTERLACES])
        )
        self._add(form, f.chooser("alpha", [(a, words.alpha_name(a)) for a in ALPHAS]))
        crops = [("off", trp("crop", "off")), ("auto", tr("black borders"))]
        tip = tr("Or WIDTH:HEIGHT:LEFT:TOP in pixels, such as 1920:800:0:140.")
        self._add(form, f.editable("crop", crops, tip))
        tip = tr("Such as 30 or 24000/1001: frames are left out or repeated.")
        self._add(form, f.line("fps", str, tip, tr("as in the video")))
        tip = tr("Of a sequence of pictures; videos have their own.")
        self._add(form, f.line("rate", str, tip, "25"))
        turn = f.flag("bake_rotation", words.setting_name("bake_rotation"))
        self._fields["bake_rotation"] = turn
        form.addRow(turn.widget)
        self._add(form, f.chooser("reuse", [(r, words.reuse_name(r)) for r in REUSES]))
        self._add(form, f.decimal_number("reuse_tolerance", 0, 16, 0.5))
        tip = tr("Seconds or a timecode, such as 90 or 1:30.")
        self._add(form, f.line("range_start", f.as_moment, tip, tr("the start")))
        self._add(form, f.line("range_end", f.as_moment, tip, tr("the end")))
        self._add(form, f.line("segment_frames", f.as_whole, tr("1 to 480."), by_default))
        self._add(form, f.line("tile_size", f.as_whole, tr("32 to 16384 pixels."), by_default))
        self._add(
            form,
            f.whole_number("workers", 1, 64, tr("Processes side by side: one for each GPU.")),
        )
        self._add(
            form,
            f.decimal_number(
                "loss_budget", 0, 3600, 1, tr("Finished work that a kill may cost."), " s"
            ),
        )
        keep = f.flag("keep_frames", words.setting_name("keep_frames"), tr("Needs much disk."))
        self._fields["keep_frames"] = keep
        form.addRow(keep.widget)
        return group

    def _add(self, form: QFormLayout, field: f.Field) -> None:
        self._fields[field.name] = field
        caption = label(words.setting_name(field.name))
        caption.setBuddy(field.widget)
        field.widget.setAccessibleName(caption.text())
        form.addRow(caption, field.widget)

    # What happens

    def _on_change(self) -> None:
        if not self._silent:
            self._show_purpose()
            self.changed.emit()

    def _show_size(self) -> None:
        by_size = self._by_size.currentData() == "size"
        self._scale.setVisible(not by_size)
        self._size.setVisible(by_size)

    def _on_purpose(self) -> None:
        purpose = self._purpose.currentData()
        if self._silent or (purpose not in PURPOSES and purpose is not None):
            return
        defaults = ProcessingSettings()
        wanted = {name: getattr(defaults, name) for name in _ENCODING}
        wanted |= PURPOSES.get(purpose, {})
        self._silent = True
        for name, value in wanted.items():
            self._fields[name].put(value)
        self._silent = False
        self._on_change()

    def _show_purpose(self) -> None:
        """Choose the purpose that the encoding is for, whoever chose that."""
        chosen: object = OWN
        with suppress(SettingsError):
            present = {name: self._fields[name].get() for name in _ENCODING}
            defaults = ProcessingSettings()
            plain = {name: getattr(defaults, name) for name in _ENCODING}
            for purpose in (None, *PURPOSES):
                if present == plain | PURPOSES.get(purpose or "", {}):
                    chosen = purpose
        silent, self._silent = self._silent, True
        choose(self._purpose, chosen)
        self._silent = silent


def _form(group: QGroupBox) -> QFormLayout:
    form = QFormLayout(group)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    return form


def _purposes() -> list[tuple[object, str]]:
    return [
        (None, tr("Like the source (x264)")),
        ("share", tr("Sharing on the web")),
        ("archive", tr("Archive (lossless)")),
        ("edit", tr("Editing (ProRes)")),
        ("device", tr("Any device (small)")),
        (OWN, trp("purpose", "As chosen below")),
    ]
