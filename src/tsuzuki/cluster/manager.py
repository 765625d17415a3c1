"""Sessions that the nodes of a cluster work on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsuzuki.cluster.connection import RayCluster
from tsuzuki.errors import ClusterError
from tsuzuki.pipeline import Result, create_session, resume
from tsuzuki.sessions.lock import SessionLock
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.settings import ProcessingSettings


class DistributedSessionManager(SessionManager):
    """Sessions in the folder ``root`` whose segments are rendered on the cluster at ``address``.

    The address is ``local:N``, ``auto`` or ``ray://HOST:PORT``. Sessions are like any others: they
    can be gone on with on this machine alone, or on another cluster.
    """

    def __init__(
        self, root: str | os.PathLike[str] | None = None, *, address: str = "auto"
    ) -> None:
        """Raise `SettingsError` for an address that is none."""
        super().__init__(root)
        RayCluster(address)
        self.address = address

    def create_distributed_session(
        self,
        video_path: str | os.PathLike[str],
        node_count: int,
        settings: ProcessingSettings | Mapping[str, Any] | None = None,
        *,
        output: str | os.PathLike[str] | None = None,
    ) -> str:
        """Create the session of a video that ``node_count`` nodes are to work on; return its id.

        Everything is checked that can be known before work begins, also that the cluster has so
        many nodes. An existing session of this video with these settings is taken.

        Raises `ClusterError`, and what `tsuzuki.upscale` raises before it begins.
        """
        with RayCluster(self.address, nodes=node_count) as cluster:
            there = cluster.count_nodes()
        if there < node_count:
            raise ClusterError(
                f"The cluster has {there} nodes that can work, not {node_count}. Ask for fewer, or "
                "start Ray on more machines."
            )
        session_id = create_session(video_path, settings, output=output, sessions_dir=self.root)
        with SessionLock(self.paths(session_id)):
            progress = self.require_progress(session_id)
            progress["steps"]["upscale"].setdefault("data", {})["nodes"] = node_count
            self.save_progress(session_id, progress)
        return session_id

    def process_distributed_session(self, session_id: str, **options: Any) -> Result:
        """Work on a session, or go on with it, on as many nodes as it was created for.

        ``options`` are those of `tsuzuki.resume`, which says what is raised.
        """
        data = self.require_progress(session_id)["steps"]["upscale"].get("data", {})
        nodes = data.get("nodes")
        with RayCluster(self.address, nodes=nodes if isinstance(nodes, int) else None) as cluster:
            return resume(session_id, sessions_dir=Path(self.root), cluster=cluster, **options)
