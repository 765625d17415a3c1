"""Rendering on several machines, with Ray.

Give `tsuzuki.upscale` or `tsuzuki.resume` a `RayCluster`, and its machines render the segments.
"""

from __future__ import annotations

from tsuzuki.cluster.connection import RayCluster

__all__ = ["RayCluster"]
