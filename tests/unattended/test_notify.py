"""News of the end of a run, sent to real servers."""

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tsuzuki.errors import DiskFullError, MissingExtraError, NotAVideoError, SettingsError
from tsuzuki.pipeline.events import Finished, SessionOpened, Stopped
from tsuzuki.unattended import notify
from tsuzuki.unattended.notify import Notifier

SECRET = "hunter2"
ID = "0123456789ab"


class Received(list):
    """What a server was sent, and how it is to answer."""

    url = ""
    status = 204
    location = "/elsewhere"
    seconds = 0.0


@pytest.fixture
def server():
    with serving() as received:
        yield received


@contextlib.contextmanager
def serving():
    """Serve, and note what comes."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.command, self.path, dict(self.headers), body))
            time.sleep(received.seconds)
            self.send_response(received.status)
            self.send_header("Location", received.location)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - as the base class calls it

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    received.url = f"http://127.0.0.1:{httpd.server_port}/hook"
    try:
        yield received
    finally:
        httpd.shutdown()
        httpd.server_close()


def opened(video="/v/film.mkv"):
    return SessionOpened(
        session_id=ID,
        video_file=video,
        output="/v/film_2x.mkv",
        folder="/s",
        resumed=False,
        frames_total=None,
        frames_done=0,
        settings={},
    )


FINISHED = Finished(
    session_id=ID,
    output="/v/film_2x.mkv",
    frames=24,
    frames_computed=24,
    failed_frames=(3,),
    seconds=1.5,
    size=1000,
)


def stopped(error):
    return Stopped(
        session_id=ID,
        code=error.code,
        exit_code=error.exit_code,
        message=error.message,
        resume_command=f"tsuzuki resume {ID}",
    )


def tell(places, *told):
    problems = []
    with Notifier(places, on_problem=problems.append) as notifier:
        for event in told:
            notifier.hear(event, "name")
    return problems


def test_the_end_is_posted_with_the_fields_of_its_event(server):
    assert tell([server.url], opened(), FINISHED) == []
    ((method, path, headers, body),) = server
    assert (method, path, headers["Content-Type"]) == ("POST", "/hook", "application/json")
    told = json.loads(body)
    assert told["event"] == "finished"
    assert told["frames"], told["failed_frames"] == (24, [3])
    assert told["video_file"] == "/v/film.mkv"
    assert told["text"] == "Finished: film.mkv → /v/film_2x.mkv"
    assert told["host"]


@pytest.mark.parametrize(
    ("error", "word"), [(DiskFullError("Full."), "Paused"), (NotAVideoError("None."), "Failed")]
)
def test_a_pause_is_told_from_a_failure(server, error, word):
    tell([server.url], stopped(error))
    told = json.loads(server[0][3])
    assert told["text"] == f"{word}: name: {error.message}"
    assert (told["code"], told["resume_command"]) == (error.code, f"tsuzuki resume {ID}")


def test_a_pause_that_lasts_is_told_once(server):
    full, fuller = (stopped(DiskFullError(f"Full, {free} bytes are free.")) for free in (2, 1))
    tell([server.url], opened(), full, opened(), fuller, opened("/v/b.mkv"), full)
    told = [json.loads(sent[3])["video_file"] for sent in server]  # each by a thread of its own
    assert sorted(told) == ["/v/b.mkv", "/v/film.mkv"]


def test_a_password_goes_into_a_header_and_nowhere_else(server, caplog):
    server.status = 302
    url = server.url.replace("http://", f"http://mika:{SECRET}@") + f"?token={SECRET}"
    with caplog.at_level(logging.DEBUG):
        (problem,) = tell([url], FINISHED)
    ((_, path, headers, _),) = server  # a redirect is not followed
    assert path == f"/hook?token={SECRET}"
    assert headers["Authorization"] == "Basic bWlrYTpodW50ZXIy"
    host = server.url.removesuffix("/hook")
    assert problem == f"Note: no notification was sent to {host}: it answered 302."
    assert SECRET not in caplog.text


def test_a_server_that_is_not_there_or_does_not_answer_is_told(server, monkeypatch):
    server.seconds = 5
    monkeypatch.setattr(notify, "TIMEOUT", 0.3)
    started = time.monotonic()
    problems = tell([server.url, f"http://127.0.0.1:1/{SECRET}"], FINISHED)
    assert time.monotonic() - started < 2
    wrong = [problem.partition("sent to ")[2] for problem in problems]
    assert "http://127.0.0.1:1: Connection refused." in wrong
    assert SECRET not in str(problems)


def test_the_work_does_not_wait(server, monkeypatch):
    server.seconds = 1
    monkeypatch.setattr(notify, "TIMEOUT", 0.1)
    with Notifier([server.url], on_problem=lambda _: None) as notifier:
        started = time.monotonic()
        notifier.hear(FINISHED, "name")
        assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(
    "place",
    [
        f"ftp://host/{SECRET}",
        f"file:///etc/{SECRET}",
        f"http:///{SECRET}",
        f"https://host:{SECRET}/",
        f"https://[{SECRET}",
        f"{SECRET}.example",
        f"https://host/{SECRET}\r\nX: y",
        f"https://host/ {SECRET}",
        f"https://hôst/{SECRET}",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(place):
    with pytest.raises(SettingsError) as refused:
        Notifier([place], on_problem=print)
    assert SECRET not in str(refused.value)


def test_the_desktop_needs_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "desktop_notifier", None)
    with pytest.raises(MissingExtraError, match=r"\[notify\]"):
        Notifier(["desktop"], on_problem=print)


DESKTOP = """
import asyncio, sys
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method as method

class Notifications(ServiceInterface):
    @method()
    def GetCapabilities(self) -> "as":
        return ["body"]

    @method()
    def GetServerInformation(self) -> "ssss":
        return ["test", "test", "1", "1.2"]

    @method()
    def Notify(self, app: "s", replaces: "u", icon: "s", title: "s", text: "s", actions: "as",
               hints: "a{sv}", timeout: "i") -> "u":
        print(app, title, text, sep="|", flush=True)
        return 1

async def main():
    from tsuzuki.unattended.notify import Desktop, News
    bus = await MessageBus().connect()
    bus.export("/org/freedesktop/Notifications", Notifications("org.freedesktop.Notifications"))
    await bus.request_name("org.freedesktop.Notifications")
    await asyncio.to_thread(Desktop().send, News("Tsuzuki: finished", "film.mkv", {}))

asyncio.run(main())
"""


@pytest.mark.skipif(not shutil.which("dbus-run-session"), reason="there is no dbus-run-session")
def test_the_desktop_is_told():
    """A D-Bus of its own, with the least that a desktop offers."""
    pytest.importorskip("dbus_fast")
    pytest.importorskip("desktop_notifier")
    done = subprocess.run(
        ["dbus-run-session", "--", sys.executable, "-c", DESKTOP],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "Tsuzuki|Tsuzuki: finished|film.mkv\n", done.stderr


def test_a_desktop_that_is_not_there_is_told(monkeypatch, tmp_path, capfd):
    pytest.importorskip("desktop_notifier")
    if sys.platform != "linux":
        pytest.skip("elsewhere it is always there")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    (problem,) = tell(["desktop"], FINISHED)
    assert problem.endswith("sent to the desktop: nothing here shows notifications.")
    assert "Traceback" not in capfd.readouterr().err
