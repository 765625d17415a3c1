"""The desktop program: a window on runs, which are processes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsuzuki.errors import TsuzukiError

if TYPE_CHECKING:
    from tsuzuki.gui.main_window import MainGUI
    from tsuzuki.gui.resume_dialog import ResumeDialog

__all__ = ["MainGUI", "ResumeDialog", "main"]

_HOMES = {"MainGUI": "main_window", "ResumeDialog": "resume_dialog"}


def main(files: tuple[str, ...] = ()) -> int:
    """Show the window, or bring up the one that is there; return an exit code."""
    require_qt()
    from tsuzuki.gui.app import run  # noqa: PLC0415 - needs Qt

    return run(files)


def require_qt() -> None:
    """Raise an error that says what to install where Qt cannot be loaded."""
    try:
        import PySide6.QtWidgets  # noqa: F401, PLC0415
    except ImportError as error:
        raise TsuzukiError(
            f"The window needs the package PySide6-Essentials, which cannot be loaded ({error}). "
            "Install it, in the folder of Tsuzuki, with: python -m pip install '.[gui]'. On a "
            "Linux without a desktop its libraries may be missing too, such as libegl1 and "
            "libxkbcommon0."
        ) from error


def __getattr__(name: str) -> Any:
    """Import the windows when they are first used: the package itself needs no Qt."""
    import importlib  # noqa: PLC0415 - as late as possible

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_qt()
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
