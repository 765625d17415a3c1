"""Colours, sizes and the language of all windows."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLocale, Qt, QTranslator
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QApplication

from tsuzuki import language
from tsuzuki.gui.preferences import Preferences, Theme
from tsuzuki.language import tr

Role = QPalette.ColorRole
_COLOURS: dict[str, dict[QPalette.ColorRole, str]] = {
    "light": {
        Role.Window: "#f6f6f4",
        Role.WindowText: "#1c1c1c",
        Role.Base: "#ffffff",
        Role.AlternateBase: "#efefec",
        Role.Text: "#1c1c1c",
        Role.Button: "#eaeae7",
        Role.ButtonText: "#1c1c1c",
        Role.ToolTipBase: "#ffffff",
        Role.ToolTipText: "#1c1c1c",
        Role.PlaceholderText: "#6d6d6d",
        Role.Highlight: "#1f6f8b",
        Role.HighlightedText: "#ffffff",
        Role.Link: "#14566d",
    },
    "dark": {
        Role.Window: "#232629",
        Role.WindowText: "#e8e8e8",
        Role.Base: "#1a1c1e",
        Role.AlternateBase: "#26292c",
        Role.Text: "#e8e8e8",
        Role.Button: "#31363b",
        Role.ButtonText: "#e8e8e8",
        Role.ToolTipBase: "#31363b",
        Role.ToolTipText: "#e8e8e8",
        Role.PlaceholderText: "#9aa0a6",
        Role.Highlight: "#3796b4",
        Role.HighlightedText: "#ffffff",
        Role.Link: "#7cc7e0",
    },
    "contrast": {
        Role.Window: "#000000",
        Role.WindowText: "#ffffff",
        Role.Base: "#000000",
        Role.AlternateBase: "#000000",
        Role.Text: "#ffffff",
        Role.Button: "#000000",
        Role.ButtonText: "#ffff00",
        Role.ToolTipBase: "#000000",
        Role.ToolTipText: "#ffffff",
        Role.PlaceholderText: "#c8c8c8",
        Role.Highlight: "#ffff00",
        Role.HighlightedText: "#000000",
        Role.Link: "#00ffff",
        Role.Light: "#ffffff",
        Role.Midlight: "#ffffff",
        Role.Mid: "#ffffff",
        Role.Dark: "#ffffff",
        Role.Shadow: "#ffffff",
    },
}
_DISABLED = {"light": "#8a8a8a", "dark": "#7c8186", "contrast": "#9c9c9c"}
SHEET = """
QLabel#heading { font-size: 14pt; font-weight: 600; }
QLabel#subheading, QLabel#error-title { font-weight: 600; }
QFrame#source { border: 1px dashed palette(mid); border-radius: 6px; }
QTreeView::item { padding: 3px 6px; }
"""
CONTRAST = """
QPushButton, QToolButton, QLineEdit, QAbstractSpinBox, QComboBox, QPlainTextEdit, QTreeView,
QListView, QProgressBar { border: 1px solid white; }
QPushButton { padding: 3px 10px; }
QPushButton:disabled, QToolButton:disabled { border-color: #9c9c9c; }
QGroupBox { border: 1px solid white; margin-top: 1.2em; padding-top: 4px; }
QGroupBox::title { subcontrol-origin: margin; left: 0; }
QPushButton:focus, QToolButton:focus, QLineEdit:focus, QAbstractSpinBox:focus, QComboBox:focus,
QPlainTextEdit:focus, QTreeView:focus, QListView:focus { border: 2px solid #ffff00; }
QSlider::groove:horizontal { height: 4px; border: 1px solid white; }
QSlider::handle:horizontal { background: #ffff00; width: 12px; margin: -6px 0; }
QCheckBox::indicator { border: 1px solid white; width: 12px; height: 12px; }
QCheckBox::indicator:checked { background: #ffff00; }
QProgressBar { text-align: center; color: white; }
QProgressBar::chunk { background: #0050d0; }
QComboBox::drop-down, QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {
    border: 0; width: 16px; }
QComboBox::down-arrow, QAbstractSpinBox::down-arrow { image: url(DATA/down.png); }
QAbstractSpinBox::up-arrow { image: url(DATA/up.png); }
"""
_FAMILIES = {"ja": ["Hiragino Sans", "Yu Gothic UI", "Meiryo", "Noto Sans CJK JP", "IPAGothic"]}
"""Fonts that have the signs of a language in the shapes that its readers know."""
_translators: list[QTranslator] = []


def theme_name(theme: Theme) -> str:
    """Return a theme in words."""
    return {
        "system": tr("As the system"),
        "light": tr("Light"),
        "dark": tr("Dark"),
        "contrast": tr("High contrast"),
    }[theme]


def dress(theme: Theme) -> None:
    """Give all windows the colours of a theme."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    QApplication.setStyle("Fusion")
    dark = theme == "contrast" or (theme == "system" and _system_is_dark())
    name = theme if theme in _COLOURS else "dark" if dark else "light"
    app.setPalette(palette(name))
    data = Path(__file__).with_name("data").as_posix()
    contrast = CONTRAST.replace("DATA", data)
    app.setStyleSheet(SHEET + contrast if name == "contrast" else SHEET)


def palette(name: str) -> QPalette:
    """Return the colours of a theme that has its own."""
    made = QPalette()
    for role, colour in _COLOURS[name].items():
        made.setColor(role, QColor(colour))
    for role in (Role.WindowText, Role.Text, Role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(_DISABLED[name]))
    return made


def _system_is_dark() -> bool:
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def speak(preferences: Preferences) -> str:
    """Speak the language that is preferred; Qt's own texts too."""
    wish = preferences.language or _system_language()
    code = language.use(wish)
    QLocale.setDefault(QLocale(code))
    QFont.insertSubstitutions(QFont().family(), _FAMILIES.get(code, []))
    app = QApplication.instance()
    for old in _translators:
        app.removeTranslator(old) if app else None
    _translators.clear()
    if app is not None:
        from PySide6.QtCore import QLibraryInfo  # noqa: PLC0415 - only here

        translator = QTranslator(app)
        folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if code != "en" and translator.load(f"qtbase_{code}", folder):
            app.installTranslator(translator)
            _translators.append(translator)
    return code


def _system_language() -> str:
    code = QLocale.system().name()[:2]
    return code if code in language.LANGUAGES else language.system_language()


def icon() -> QIcon:
    """Return the program's icon."""
    return QIcon(str(Path(__file__).with_name("data") / "tsuzuki.png"))


def base_font(app: QApplication) -> QFont:
    """Return the system's font, not smaller than can be read."""
    font = app.font()
    if font.pointSizeF() < 9:
        font.setPointSizeF(9)
    return font
