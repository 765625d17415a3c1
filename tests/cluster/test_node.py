"""What runs on a node, without Ray around it: it is sent everything and finds nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tsuzuki.cluster import node as module
from tsuzuki.cluster.node import Facts, Node
from tsuzuki.errors import ModelError, WorkerError
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import find
from tsuzuki.video.processor import VideoProcessor

MARGIN = 32


class Sent:
    """A clip whose segments are rendered from what is sent alone."""

    def __init__(self, clip: Path, **settings: Any) -> None:
        wish = ProcessingSettings(preset="ultrafast", **settings)
        self.plan = make_plan(m.MakePlan(path=str(clip), settings=wish, output=None))
        self.index = build_index(self.plan, lambda _: None)
        self.video = VideoProcessor(self.plan.probe, self.plan.settings)
        self.head = self.video.head()
        self.job = msgspec.msgpack.encode(
            m.Open(
                session_id="0" * 12,
                root="/nowhere",
                plan=self.plan,
                index=self.index,
                keep_frames=False,
                loss_budget=None,
                head=self.head,
            )
        )

    def render(self, first: int, last: int, margin: int = MARGIN) -> bytes:
        part = self.video.cut(self.index, first, last, margin).without(self.head)
        request = m.Render(segment=1, first=first, last=last, upscaled=[], slice=part)
        return msgspec.msgpack.encode(request)


def heard(node: Node) -> Iterator[m.Message]:
    while True:
        yield from msgspec.msgpack.decode(node.receive(), type=list[m.Report])


def until(node: Node, kind: type[m.Message]) -> Any:
    return next(message for message in heard(node) if isinstance(message, kind))


@pytest.fixture
def clip(tmp_path: Path, draw_clip: Any) -> Path:
    return draw_clip(tmp_path / "clip.mp4", 40)


def test_a_segment_is_rendered_far_from_its_video(clip: Path) -> None:
    sent = Sent(clip, engine="nearest")
    request = sent.render(16, 24)
    clip.unlink()
    node = Node(sent.job, threads=1)
    node.start()
    node.send(request)
    rendered = until(node, m.SegmentRendered)
    assert not list(Path(rendered.temporary).parent.glob("frame_*")), "nothing is spooled there"
    data = node.fetch(1)
    assert hashlib.sha256(data).hexdigest() == rendered.sha256
    assert not Path(rendered.temporary).exists()


def test_a_slice_that_is_too_short_is_told(media: Path) -> None:
    sent = Sent(media / "elf_live_action.mp4", engine="nearest")
    node = Node(sent.job, threads=1)
    node.start()
    node.send(sent.render(150, 200, margin=-100))
    assert until(node, m.Failure).code == "slice"
    with pytest.raises(WorkerError, match="ended with code 1"):
        list(heard(node))


def test_a_network_that_is_missing_is_sent(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent(clip, quality="Fast")
    (step,) = sent.plan.upscaling.passes
    network = find(step.network)
    files = network.param.read_bytes(), network.weights.read_bytes()

    def answer(node: Node) -> m.Message:
        node.start()
        node.send(sent.render(0, 2))
        return next(
            message for message in heard(node) if isinstance(message, m.SegmentRendered | m.Failure)
        )

    monkeypatch.setattr(module, "_is_here", lambda *_: False)
    lacking = Node(sent.job, threads=1)
    assert msgspec.msgpack.decode(lacking.facts(), type=Facts).missing == [step.network]
    lacking.add_model(step.network, step.digest, files)
    assert isinstance(answer(lacking), m.SegmentRendered)

    other = Node(sent.job, threads=1)
    other.add_model(
        step.network, step.digest, (files[0], files[1][:-1] + bytes([files[1][-1] ^ 1]))
    )
    failure = answer(other)
    assert isinstance(failure, m.Failure)
    assert failure.code == ModelError.code


def test_facts_are_those_of_this_machine(clip: Path) -> None:
    sent = Sent(clip, quality="Fast")
    facts = msgspec.msgpack.decode(Node(sent.job, threads=1).facts(), type=Facts)
    assert facts.versions == sent.plan.all_versions
    assert facts.cpu == sent.plan.cpu
    assert facts.missing == []


def test_nothing_is_left_in_the_temporary_folder(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    node = Node(Sent(clip, engine="nearest").job, threads=1)
    assert list(tmp_path.glob("tsuzuki-node-*"))
    node.close()
    assert list(tmp_path.glob("tsuzuki-*")) == []
