"""One input for each setting: it shows a value, and gives the one that was entered."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from tsuzuki.errors import SettingsError
from tsuzuki.gui.widgets import choice, choose, plain
from tsuzuki.language import tr
from tsuzuki.moments import parse_moment


class Field:
    """A setting and its input."""

    def __init__(
        self,
        name: str,
        widget: QWidget,
        get: Callable[[], Any],
        put: Callable[[Any], None],
        changed: Any,
        tip: str = "",
    ) -> None:
        self.name = name
        self.widget = widget
        self.get = get
        """Returns the value; raises `SettingsError` where what was entered is none."""
        self.put = put
        self.changed = changed
        """Signal of the input."""
        widget.setObjectName(f"setting-{name}")
        if tip:
            widget.setToolTip(plain(tip))
            widget.setAccessibleDescription(tip)


def chooser(name: str, items: Sequence[tuple[object, str]], tip: str = "") -> Field:
    """Return a field with a few values."""
    box = choice(items)
    return Field(
        name,
        box,
        box.currentData,
        lambda value: choose(box, value),
        box.currentIndexChanged,
        tip,
    )


def decimal_number(
    name: str, low: float, high: float, step: float, tip: str = "", unit: str = ""
) -> Field:
    """Return a field with a number."""
    box = QDoubleSpinBox(minimum=low, maximum=high, singleStep=step, decimals=3)
    box.setSuffix(unit)
    box.setStepType(QDoubleSpinBox.StepType.DefaultStepType)
    return Field(name, box, box.value, box.setValue, box.valueChanged, tip)


def whole_number(name: str, low: int, high: int, tip: str = "") -> Field:
    """Return a field with a whole number."""
    box = QSpinBox(minimum=low, maximum=high)
    return Field(name, box, box.value, box.setValue, box.valueChanged, tip)


def flag(name: str, text: str, tip: str = "") -> Field:
    """Return a field with yes or no."""
    box = QCheckBox(text)
    return Field(name, box, box.isChecked, box.setChecked, box.toggled, tip)


def line(
    name: str,
    parse: Callable[[str], Any],
    tip: str = "",
    placeholder: str | None = None,
) -> Field:
    """Return a field with a text that may be left empty, which is None."""
    edit = QLineEdit()
    edit.setPlaceholderText(tr("by default") if placeholder is None else placeholder)
    edit.setClearButtonEnabled(True)

    def get() -> Any:
        text = edit.text().strip()
        return parse(text) if text else None

    def put(value: object) -> None:
        edit.setText("" if value is None else _written(value))

    return Field(name, edit, get, put, edit.textChanged, tip)


def editable(name: str, items: Sequence[tuple[object, str]], tip: str = "") -> Field:
    """Return a field with values to choose from, to which others may be typed."""
    box = choice(items)
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)

    def get() -> object:
        at = box.findText(box.currentText())
        return box.itemData(at) if at >= 0 else box.currentText().strip() or None

    return Field(name, box, get, lambda value: choose(box, value), box.currentTextChanged, tip)


def as_whole(text: str) -> int:
    """Return the whole number that was typed."""
    try:
        return int(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is no whole number. Type digits only.") from error


def as_number(text: str) -> float:
    """Return the number that was typed."""
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise SettingsError(f"{text!r} is no number.") from error


def as_options(text: str) -> dict[str, str]:
    """Return the options ``KEY=VALUE`` that were typed, with spaces between them."""
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise SettingsError(f"{text!r} has a quotation mark without its fellow.") from error
    for key, sign, _ in pairs:
        if not sign:
            raise SettingsError(f"{key!r} is no option of the form KEY=VALUE, such as aq-mode=3.")
    return {key: value for key, _, value in pairs}


def as_moment(text: str) -> Decimal | None:
    """Return the moment that was typed."""
    return parse_moment(text)


def _written(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return shlex.join(f"{key}={text}" for key, text in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
