"""News of a run that has ended or paused: on the desktop, or by a POST to a URL."""

from __future__ import annotations

import base64
import contextlib
import http.client
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import msgspec

from tsuzuki.errors import Cancelled, MissingExtraError, ResourceError, SettingsError, by_code
from tsuzuki.language import trp
from tsuzuki.pipeline import events
from tsuzuki.sentences import told
from tsuzuki.text import safe

_log = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds that a notification may take, and that the end of the program waits for it."""


class News(NamedTuple):
    """What is told."""

    title: str
    text: str
    fields: dict[str, Any]
    """Those of the event, with ``video_file``, ``host`` and ``text``."""


class SendError(Exception):
    """News could not be sent; its text holds no secrets."""


class Notifier:
    """Tells places of each run's end, in threads of its own: the work never waits for that.

    ``places`` are ``desktop`` or URLs; ``on_problem`` is given a sentence on what could not be
    sent. Raises `SettingsError`, which does not repeat an address: that may be a secret.
    """

    def __init__(self, places: Iterable[str], *, on_problem: Callable[[str], object]) -> None:
        self._places = [
            Desktop() if place.lower() == "desktop" else Webhook(place)
            for place in dict.fromkeys(places)
        ]
        self._on_problem = on_problem
        self._video = ""
        self._told = ("", "")
        self._sending: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        until = time.monotonic() + TIMEOUT
        for thread in self._sending:
            thread.join(max(0.0, until - time.monotonic()))

    def hear(self, event: events.Event, name: str) -> None:
        """Tell of the event, if it is the end of a run; ``name`` is the video's or session's."""
        if isinstance(event, events.SessionOpened):
            self._video = event.video_file
        elif isinstance(event, events.Finished | events.Stopped):
            video, self._video = self._video or name, ""
            told = (video, event.code if isinstance(event, events.Stopped) else event.output)
            if told != self._told:  # a pause that lasts is told once
                self._told = told
                self._start(_news(event, video))

    def _start(self, news: News) -> None:
        self._sending = [thread for thread in self._sending if thread.is_alive()]
        for place in self._places:
            thread = threading.Thread(target=self._send, args=(place, news), daemon=True)
            self._sending.append(thread)
            thread.start()

    def _send(self, place: Desktop | Webhook, news: News) -> None:
        try:
            place.send(news)
        except SendError as error:
            self._on_problem(f"Note: no notification was sent to {place.name}: {error}.")
        except Exception as error:  # noqa: BLE001 - nothing may stop the work for it
            # Messages of errors may repeat the address.
            _log.warning("no notification was sent to %s: %s", place.name, type(error).__name__)


class Webhook:
    """A URL that takes JSON by POST. A user name and password in it are sent as such."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or parts.scheme.lower() not in {"http", "https"} or not url.isprintable():
            raise SettingsError(
                "--notify takes the word desktop or a URL that begins with https:// or http://, "
                "and what it was given is neither."
            )
        if not url.isascii() or " " in url:
            raise SettingsError(
                "The URL of --notify holds spaces or letters that a URL cannot have; write them "
                "as %20 and the like."
            )
        place = f"[{host}]" if ":" in host else host
        where = place if port is None else f"{place}:{port}"
        self.name = f"{parts.scheme.lower()}://{where}"
        self._url = parts._replace(netloc=where, fragment="").geturl()
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"tsuzuki/{version('tsuzuki')}",
        }
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"

    def send(self, news: News) -> None:
        """POST the fields as an object."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url, msgspec.json.encode(news.fields), self._headers
        )
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=TIMEOUT):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            raise SendError(f"it answered {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            text = reason.strerror if isinstance(reason, OSError) else None
            if isinstance(reason, TimeoutError):
                text = f"there was no answer within {TIMEOUT:g} seconds"
            raise SendError(text or type(reason).__name__) from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The headers, with a password in them, go nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none: the answer is an error then."""


class Desktop:
    """The notifications of the user's desktop, with the extra ``notify``."""

    name = "the desktop"

    def __init__(self) -> None:
        try:
            import desktop_notifier  # noqa: F401, PLC0415 - an extra
        except ImportError:
            raise MissingExtraError.for_extra("notify", "notifications on the desktop") from None

    def send(self, news: News) -> None:
        """Show the title and the text."""
        import asyncio  # noqa: PLC0415 - takes its time

        from desktop_notifier import DesktopNotifier  # noqa: PLC0415

        # It logs what fails, with a traceback, and raises nothing.
        logging.getLogger("desktop_notifier").addHandler(logging.NullHandler())
        shown = threading.Event()

        async def show() -> None:
            notifier = DesktopNotifier(app_name="Tsuzuki", app_icon=None)
            sent = notifier.send(news.title, news.text, on_dispatched=shown.set)
            await asyncio.wait_for(sent, TIMEOUT)

        with contextlib.suppress(TimeoutError):
            asyncio.run(show())
        if not shown.is_set():
            raise SendError("nothing here shows notifications")


def _news(event: events.Finished | events.Stopped, video: str) -> News:
    name = Path(video).name
    if isinstance(event, events.Finished):
        title, text = trp("news", "Finished"), f"{name} → {event.output}"
    else:
        pause = issubclass(by_code(event.code), Cancelled | ResourceError)
        title, text = (
            trp("news", "Paused") if pause else trp("news", "Failed"),
            f"{name}: {told(event.message)}",
        )
    more = {"video_file": video, "host": socket.gethostname(), "text": safe(f"{title}: {text}")}
    fields = msgspec.to_builtins(event) | more
    return News(f"Tsuzuki: {title.lower()}", safe(text), fields)
