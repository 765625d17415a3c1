from __future__ import annotations

import io
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.pipeline import messages as m


def through(*sent: m.Message, receives: object = m.Report) -> list[object]:
    pipe = io.BytesIO()
    sender = m.Channel(io.BytesIO(), pipe, m.Request)
    for message in sent:
        sender.send(message)
    receiver = m.Channel(io.BytesIO(pipe.getvalue()), io.BytesIO(), receives)
    return [receiver.receive() for _ in range(len(sent) + 1)]


@given(frames=st.lists(st.integers(0, 10**8)), text=st.text(), seconds=st.floats(0, 1e6))
def test_messages_arrive_as_they_were(frames: list[int], text: str, seconds: float) -> None:
    sent = (
        m.Spooled(frames=frames),
        m.FrameDone(frame=1, seconds=seconds, computed=True),
        m.Failure(code="x", message=text, details={"path": text, "free": 3}),
        m.SegmentRendered(
            segment=1,
            temporary=text,
            size=5,
            sha256="0" * 64,
            frames_computed=1,
            failed=frames,
            seconds={"decode": seconds},
            reused=0.25,
        ),
    )
    assert through(*sent) == [*sent, None]


def test_requests_arrive_as_they_were() -> None:
    sent = (
        m.Render(segment=1, first=0, last=9, upscaled=[3]),
        m.Committed(first=0, last=9),
        m.Stop(),
    )
    assert through(*sent, receives=m.Request) == [*sent, None]


def test_a_cut_message_is_no_message() -> None:
    pipe = io.BytesIO()
    m.Channel(io.BytesIO(), pipe, m.Request).send(m.Spooled(frames=[1, 2, 3]))
    data = pipe.getvalue()
    for length in range(len(data)):
        assert m.Channel(io.BytesIO(data[:length]), io.BytesIO(), m.Report).receive() is None


def test_messages_of_many_threads_do_not_mix() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb") as writer:
        sender = m.Channel(io.BytesIO(), writer, m.Request)
        receiver = m.Channel(reader, io.BytesIO(), m.Report)

        def send(number: int) -> None:
            for _ in range(50):
                sender.send(m.Spooled(frames=[number] * 100))

        threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        received = [receiver.receive() for _ in range(200)]
        for thread in threads:
            thread.join()
    assert all(len(set(message.frames)) == 1 for message in received)
    with pytest.raises(ValueError):
        sender.send(m.Spooled(frames=[1]))
