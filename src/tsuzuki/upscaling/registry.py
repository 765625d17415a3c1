"""The engines that there are: a new one is a module with its class, and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from tsuzuki.settings import EngineName
from tsuzuki.upscaling.engine import Engine
from tsuzuki.upscaling.ncnn import NcnnEngine

ENGINES: Mapping[EngineName, type[Engine]] = {"ncnn": NcnnEngine}
"""What runs networks, by its name in the settings. ``nearest`` is none of these: it is a plan
without a network, which only resizes."""
