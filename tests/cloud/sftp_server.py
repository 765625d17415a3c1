"""An SFTP server for one user with one key, in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

USER = "mika"


@contextmanager
def serve(ssh: Path, *, known: bool = True) -> Iterator[None]:
    """Serve this machine's files to who has the key in the folder ``ssh``."""
    own, users = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    users.write_private_key(str(ssh / "id_films"))
    users.write_public_key(str(ssh / "authorized"))
    loop = asyncio.new_event_loop()
    server: Any = loop.run_until_complete(
        asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[own],
            authorized_client_keys=str(ssh / "authorized"),
            sftp_factory=True,
        )
    )
    port = server.sockets[0].getsockname()[1]
    (ssh / "config").write_text(
        f"Host films.example\n  HostName 127.0.0.1\n  Port {port}\n  User {USER}\n"
        f"  IdentityFile {ssh / 'id_films'}\n"
    )
    if known:
        key = own.export_public_key().decode()
        (ssh / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
