"""Stands between a client and an HTTP server, and loses what it is told to lose."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Fault = Literal["refused", "cut", "answer lost", "late"] | None


class FaultyServer(ThreadingHTTPServer):
    """``fault`` is asked with the number of each request, from 1."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.guard = threading.RLock()
        self.restart()

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def restart(self, fault: Callable[[int], Fault] = lambda _: None) -> None:
        """Count from the beginning."""
        self.requests, self.fault = 0, fault

    def next_fault(self) -> Fault:
        with self.guard:
            self.requests += 1
            return self.fault(self.requests)

    def handle_error(self, *_: Any) -> None:
        """Clients may go when they like."""


class Proxy(FaultyServer):
    """Hands requests on to another server."""

    def __init__(self, target: str) -> None:
        super().__init__(_Handler)
        self.target = urlsplit(target).netloc
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.next_fault()
        if fault == "cut":
            self.close_connection = True
            return
        if fault == "refused":
            self._answer(503, [], b"")
            return
        if fault == "late":
            time.sleep(0.3)
        onward = http.client.HTTPConnection(self.server.target, timeout=30)
        onward.request(self.command, self.path, body, dict(self.headers))
        answer = onward.getresponse()
        data = answer.read()
        onward.close()
        if fault == "answer lost":
            self.close_connection = True
            return
        self._answer(answer.status, answer.getheaders(), data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one  # noqa: N815

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        length = dict(headers).get("Content-Length", "0") if self.command == "HEAD" else len(data)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(data)
