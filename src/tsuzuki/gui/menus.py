"""The menu bar: everything that the window can do has a place in it, and most a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QFileDialog, QInputDialog, QLabel, QMenu, QMessageBox

from tsuzuki import language
from tsuzuki.cloud.place import parse
from tsuzuki.errors import TsuzukiError
from tsuzuki.gui import looks, remedies
from tsuzuki.gui.preferences import SCALINGS, THEMES, export_presets, import_presets, together
from tsuzuki.gui.widgets import ask
from tsuzuki.language import tr, trn
from tsuzuki.settings import ProcessingSettings
from tsuzuki.text import safe

if TYPE_CHECKING:
    from tsuzuki.gui.main_window import MainGUI

Key = QKeySequence.StandardKey


def build(window: MainGUI) -> None:
    """Fill the menu bar of the window."""
    bar = window.menuBar()
    _file(window, bar.addMenu(tr("&File")))
    _job(window, bar.addMenu(tr("&Queue")))
    _presets(window, bar.addMenu(tr("&Presets")))
    _view(window, bar.addMenu(tr("&View")))
    _help(window, bar.addMenu(tr("&Help")))


def _act(
    menu: QMenu,
    text: str,
    call: Callable[[], object],
    key: Key | str | None = None,
) -> QAction:
    action = menu.addAction(text)
    action.triggered.connect(lambda *_: call())
    if key is not None:
        action.setShortcut(QKeySequence(key))
    return action


def _file(window: MainGUI, menu: QMenu) -> None:
    _act(menu, tr("Choose &videos…"), window.source.browse.emit, Key.Open)
    _act(menu, tr("Choose a &folder…"), window.source.browse_folder.emit, "Ctrl+Shift+O")
    menu.addSeparator()
    _act(menu, tr("&Sessions…"), lambda: _show_sessions(window), "Ctrl+Shift+S")
    menu.addSeparator()
    _act(menu, tr("&Close"), window.close, Key.Quit)


def _job(window: MainGUI, menu: QMenu) -> None:
    for text, wish, key in (
        (tr("&Pause"), "pause", "Ctrl+P"),
        (tr("Pause after this &segment"), "pause-after-segment", "Ctrl+Shift+P"),
        (tr("&Resume"), "resume", "Ctrl+R"),
        (tr("&Cancel…"), "cancel", "Ctrl+."),
        (tr("Show the &log"), "show-log", "Ctrl+L"),
    ):
        _act(menu, text, lambda wish=wish: window.act(wish), key)  # type: ignore[misc]
    menu.addSeparator()
    _act(menu, tr("&Add to the queue"), window.add_button.click, "Ctrl+D")
    _act(menu, tr("S&tart"), window.start_button.click, "Ctrl+Return")
    _act(menu, tr("Start what &waits"), window.queue.start)
    _act(menu, tr("Pre&view…"), window.preview_button.click, "Ctrl+E")
    menu.addSeparator()
    sleep = _act(
        menu,
        tr("Let the computer sleep &meanwhile"),
        lambda: _allow_sleep(window, allowed=sleep.isChecked()),
    )
    sleep.setCheckable(True)
    sleep.setChecked(window.preferences.present.allow_sleep)
    _act(menu, tr("&Keep a copy of the work…"), lambda: _choose_store(window))


def _allow_sleep(window: MainGUI, *, allowed: bool) -> None:
    window.preferences.change(allow_sleep=allowed)
    window.queue.allow_sleep(allowed)


def _choose_store(window: MainGUI) -> None:
    """Ask where copies of the sessions of new jobs go."""
    dialog = _ask_for_line(
        window,
        tr("Keep a copy of the work"),
        tr(
            "A store for the videos that are added from now on: a folder, s3://BUCKET/…, "
            "sftp://HOST/… or gdrive://…; empty for no copy."
        ),
        name="choose-store",
    )
    dialog.setTextValue(window.preferences.present.sync or "")

    def keep(address: str) -> None:
        try:
            store = parse(address.strip()).url if address.strip() else None
        except TsuzukiError as error:
            remedies.show_error(window, error)
            return
        window.preferences.change(sync=store)

    dialog.textValueSelected.connect(keep)
    dialog.open()


def _ask_for_line(window: MainGUI, title: str, text: str, *, name: str) -> QInputDialog:
    dialog = QInputDialog(window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setObjectName(name)
    dialog.setWindowTitle(title)
    dialog.setLabelText(text)
    for caption in dialog.findChildren(QLabel):
        caption.setWordWrap(True)
    dialog.resize(460, dialog.sizeHint().height())
    dialog.setOkButtonText(tr("Save"))
    dialog.setCancelButtonText(tr("Cancel"))
    return dialog


def _presets(window: MainGUI, menu: QMenu) -> None:
    def fill() -> None:
        menu.clear()
        presets = window.preferences.present.presets
        for name in sorted(presets):
            _act(menu, safe(name).replace("&", "&&"), lambda name=name: _apply(window, name))  # type: ignore[misc]
        menu.addSeparator()
        _act(menu, tr("&Save the settings as…"), lambda: _save_preset(window))
        forget = menu.addMenu(tr("&Forget"))
        for name in sorted(presets):
            _act(forget, safe(name).replace("&", "&&"), lambda name=name: _forget(window, name))  # type: ignore[misc]
        forget.setEnabled(bool(presets))
        menu.addSeparator()
        _act(menu, tr("&Import…"), lambda: _import(window))
        _act(menu, tr("&Export…"), lambda: _export(window)).setEnabled(bool(presets))
        _act(menu, tr("&Default settings"), lambda: _set(window, ProcessingSettings()))

    menu.aboutToShow.connect(fill)
    fill()


def _set(window: MainGUI, settings: ProcessingSettings) -> None:
    window.settings_panel.set_settings(settings)


def _apply(window: MainGUI, name: str) -> None:
    try:
        _set(window, ProcessingSettings.from_dict(window.preferences.present.presets[name]))
    except TsuzukiError as error:
        remedies.show_error(window, error)


def _save_preset(window: MainGUI) -> None:
    settings = window.settings_or_none()
    if settings is None:
        return
    dialog = _ask_for_line(window, tr("Save the settings"), tr("Name:"), name="save-preset")

    dialog.textValueSelected.connect(lambda name: _name_preset(window, name, settings))
    dialog.open()


def _name_preset(window: MainGUI, name: str, settings: ProcessingSettings) -> None:
    """Keep settings under a name; what had it before goes only where that is wanted."""
    name = name.strip()[:80]
    known = window.preferences.present.presets

    def keep() -> None:
        presets = window.preferences.present.presets
        window.preferences.change(presets={**presets, name: settings.to_dict()})

    if name in known and known[name] != settings.to_dict():
        role = QMessageBox.ButtonRole
        ask(
            window,
            QMessageBox.Icon.Question,
            tr("Replace the preset?"),
            tr("There is a preset {name} with other settings.").format(name=safe(name)),
            [
                (tr("Replace"), role.DestructiveRole, keep),
                (tr("Back"), role.RejectRole, None),
            ],
            name="confirm-replace",
            safest=1,
        )
    elif name:
        keep()


def _forget(window: MainGUI, name: str) -> None:
    presets = window.preferences.present.presets
    kept = {known: settings for known, settings in presets.items() if known != name}
    window.preferences.change(presets=kept)


def _import(window: MainGUI) -> None:
    dialog = QFileDialog(window, tr("Import presets"))
    dialog.setNameFilter(tr("Presets") + " (*.json)")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)

    def take(name: str) -> None:
        from pathlib import Path  # noqa: PLC0415 - only here

        try:
            found = import_presets(Path(name))
            presets = together(window.preferences.present.presets, found)
        except (TsuzukiError, OSError) as error:
            remedies.show_error(window, TsuzukiError(str(error)))
            return
        window.preferences.change(presets=presets)
        text = trn("{number} preset was imported.", "{number} presets were imported.", len(found))
        window.statusBar().showMessage(text, 5000)

    dialog.fileSelected.connect(take)
    dialog.open()


def _export(window: MainGUI) -> None:
    dialog = QFileDialog(window, tr("Export presets"))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("json")
    dialog.setNameFilter(tr("Presets") + " (*.json)")

    def write(name: str) -> None:
        from pathlib import Path  # noqa: PLC0415 - only here

        try:
            export_presets(Path(name), window.preferences.present.presets)
        except TsuzukiError as error:
            remedies.show_error(window, error)

    dialog.fileSelected.connect(write)
    dialog.open()


def _view(window: MainGUI, menu: QMenu) -> None:
    present = window.preferences.present
    _choices(
        menu.addMenu(tr("&Language")),
        [(None, tr("As the system")), *language.LANGUAGES.items()],
        present.language,
        lambda code: _speak(window, code),
    )
    _choices(
        menu.addMenu(tr("&Colours")),
        [(theme, looks.theme_name(theme)) for theme in THEMES],
        present.theme,
        lambda theme: _dress(window, theme),
    )
    _choices(
        menu.addMenu(tr("&Size (from the next start on)")),
        [(percent, f"{percent} %") for percent in SCALINGS],
        present.scaling,
        lambda percent: window.preferences.change(scaling=percent),
    )


def _choices(
    menu: QMenu,
    items: Sequence[tuple[object, str]],
    present: object,
    choose: Callable[[object], object],
) -> None:
    group = QActionGroup(menu)
    for value, text in items:
        action = _act(menu, text, lambda value=value: choose(value))  # type: ignore[misc]
        action.setCheckable(True)
        action.setChecked(value == present)
        group.addAction(action)


def _speak(window: MainGUI, code: object) -> None:
    window.preferences.change(language=code)
    looks.speak(window.preferences.present)
    window.rebuild()


def _dress(window: MainGUI, theme: object) -> None:
    window.preferences.change(theme=theme)
    looks.dress(window.preferences.present.theme)


def _show_sessions(window: MainGUI) -> None:
    from tsuzuki.gui.sessions_view import SessionsView  # noqa: PLC0415 - only when asked for

    SessionsView(window).show()


def _help(window: MainGUI, menu: QMenu) -> None:
    _act(menu, tr("&About Tsuzuki"), lambda: _about(window))


def _about(window: MainGUI) -> None:
    from importlib.metadata import version  # noqa: PLC0415 - only here

    text = tr(
        "Upscales videos with AI. A run can be stopped at any instant and goes on later from the "
        "very frame, with the same bytes."
    )
    ask(
        window,
        QMessageBox.Icon.NoIcon,
        tr("About Tsuzuki"),
        f"Tsuzuki {version('tsuzuki')}\n\n{text}\n\nGPL-3.0-or-later",
        [(tr("Close"), QMessageBox.ButtonRole.RejectRole, None)],
        name="about",
        safest=0,
    )
