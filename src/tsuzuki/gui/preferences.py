"""What the window remembers: its looks, the last settings, presets by name."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import platformdirs

from tsuzuki.durable import Durable, read_bounded
from tsuzuki.errors import SettingsError, TsuzukiError
from tsuzuki.gui.jobs import FOLDER_VARIABLE
from tsuzuki.settings import ProcessingSettings

_log = logging.getLogger(__name__)

Theme = Literal["system", "light", "dark", "contrast"]
Scaling = Literal[100, 125, 150, 175, 200]
WhenDone = Literal["nothing", "notify", "sleep", "shut-down"]
THEMES: tuple[Theme, ...] = get_args(Theme)
SCALINGS: tuple[Scaling, ...] = get_args(Scaling)
WHEN_DONE: tuple[WhenDone, ...] = get_args(WhenDone)
PRESETS_FORMAT = "tsuzuki-presets"
_MAX_BYTES = 4 << 20
_MAX_PRESETS = 1000


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. What is missing or cannot be used is at its default."""

    language: str | None = None
    """Code as in `tsuzuki.language.LANGUAGES`; None is the system's."""
    theme: Theme = "system"
    scaling: Scaling = 100
    """Size of everything, in percent, on top of the system's own; counts from the next start on."""
    when_done: WhenDone = "notify"
    allow_sleep: bool = False
    """Whether the computer may sleep while it works."""
    sync: str | None = None
    """Store for copies of the sessions at work, see `tsuzuki.cloud.place`."""
    settings: dict[str, Any] = {}
    """Those chosen last."""
    output_folder: str | None = None
    """None: every output beside its video."""
    last_folder: str = ""
    """Where a video was chosen last."""
    advanced: bool = False
    """Whether the advanced settings are shown."""
    clean_days: int = 30
    """Days after which an untouched session is old."""
    clean_at_start: bool = False
    """Whether old sessions are offered for removal whenever the window is opened."""
    session_folders: tuple[str, ...] = ()
    """Folders of sessions beside the usual one: those that sessions were moved to."""
    geometry: str = ""
    """Place and size of the window, as Qt writes it, in base 64."""
    presets: dict[str, dict[str, Any]] = {}
    """Settings by the names that the person gave them."""


class PreferencesStore:
    """The file of preferences. One that cannot be read is set aside, never overwritten."""

    def __init__(self, path: Path | None = None) -> None:
        chosen = os.environ.get(FOLDER_VARIABLE)
        folder = Path(chosen) if chosen else platformdirs.user_config_path("tsuzuki", False)
        self.path = path or folder / "window.json"
        self._durable = Durable()
        self.present = self._load()
        self._kept = self.present

    def change(self, **changes: Any) -> None:
        """Change preferences; `save` keeps them."""
        self.present = msgspec.structs.replace(self.present, **changes)

    def save(self) -> None:
        """Keep the preferences; what cannot be kept counts for this time."""
        self._kept = self.present
        try:
            self._durable.make_folder(self.path.parent)
            self._durable.write_atomic(self.path, msgspec.json.encode(self.present))
        except (TsuzukiError, ValueError) as error:  # the latter of a name that is no Unicode
            _log.warning("%s", error)

    @property
    def is_changed(self) -> bool:
        """Whether there is something to save."""
        return self._kept != self.present

    @property
    def settings(self) -> ProcessingSettings:
        """The settings chosen last, or the defaults where they cannot be used any more."""
        try:
            return ProcessingSettings.from_dict(self.present.settings)
        except SettingsError as error:
            _log.warning("%s", error)
            return ProcessingSettings()

    def _load(self) -> Preferences:
        try:
            return msgspec.json.decode(read_bounded(self.path, _MAX_BYTES), type=Preferences)
        except FileNotFoundError:
            return Preferences()
        except (ValueError, TsuzukiError, OSError) as error:
            _log.warning("%s cannot be read: %s", self.path, error)
        try:
            self._durable.move_aside(self.path)
        except TsuzukiError as error:
            _log.warning("%s", error)
        return Preferences()


def export_presets(path: Path, presets: dict[str, dict[str, Any]]) -> None:
    """Write presets to a file that `import_presets` reads."""
    document = {"format": PRESETS_FORMAT, "version": 1, "presets": presets}
    data = msgspec.json.format(msgspec.json.encode(document))
    Durable().write_atomic(path.absolute(), data + b"\n")


def import_presets(path: Path) -> dict[str, dict[str, Any]]:
    """Return the presets of a file; raises `SettingsError` where one of them cannot be used."""
    try:
        document = msgspec.json.decode(read_bounded(path.absolute(), _MAX_BYTES))
        if (document["format"], document["version"]) != (PRESETS_FORMAT, 1):
            raise ValueError("it is another kind of file")  # noqa: TRY301 - as those it may raise
        presets = msgspec.convert(document["presets"], dict[str, dict[str, Any]])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path} holds no presets of this program ({error}). Choose a file that was exported "
            "from the window."
        ) from error
    return {
        name[:80]: ProcessingSettings.from_dict(settings).to_dict()
        for name, settings in presets.items()
    }


def together(
    known: dict[str, dict[str, Any]], added: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return all of these presets; one that is added never takes the place of another.

    Raises `SettingsError` where they are more than the file of preferences can hold.
    """
    found = dict(known)
    for name, settings in added.items():
        number, free = 1, name
        while free in found and found[free] != settings:
            number += 1
            free = f"{name} ({number})"
        found[free] = settings
    if len(found) > _MAX_PRESETS or len(msgspec.json.encode(found)) > _MAX_BYTES // 2:
        raise SettingsError("These are too many presets. Forget some of them first.")
    return found
