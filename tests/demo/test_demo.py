"""The demonstration itself, with the real command and real kills, on fewer frames."""

import pytest

from tsuzuki import demo
from tsuzuki.demo import clip
from tsuzuki.demo.runs import Outcome, run
from tsuzuki.errors import WorkerError


@pytest.fixture
def short(monkeypatch):
    """A ninth of the clip, so that it takes seconds."""
    write = clip.write_clip
    monkeypatch.setattr(demo, "FRAMES", 8)
    monkeypatch.setattr(demo, "KILLS", ((2, True), (5, False)))
    monkeypatch.setattr(demo, "SHOWN_FRAME", 6)
    monkeypatch.setattr(demo, "write_clip", lambda path: write(path, frames=8))


def test_two_kills_leave_the_bytes_as_they_would_have_been(short, tmp_path):
    lines = []
    assert demo.run_demo(tmp_path / "demo", say=lines.append)
    told = "\n".join(lines)
    assert told.count("kill -9 of") == 2
    assert told.count("Resumed: ") == 2
    assert "The bytes are equal." in told
    folder = tmp_path / "demo"
    assert (folder / "uninterrupted.mp4").read_bytes() == (folder / "resumed.mp4").read_bytes()
    assert 0 < (folder / "before-after.png").stat().st_size < 1_000_000
    assert not (folder / "sessions").exists()


def test_other_bytes_are_told_and_fail(short, tmp_path, monkeypatch):
    def forged(clip, output, sessions, *, log):
        output.write_bytes(sessions.name.encode())
        return Outcome(0, 8, 8, killed=False)

    monkeypatch.setattr(demo, "run", forged)
    monkeypatch.setattr(demo, "run_and_kill", lambda *a, log, **k: forged(*a, log=log))
    monkeypatch.setattr(demo, "before_and_after", lambda *a, **k: None)
    lines = []
    assert not demo.run_demo(tmp_path / "demo", say=lines.append)
    assert any("THE BYTES DIFFER" in line for line in lines)


def test_a_run_that_fails_says_so_with_its_last_words(tmp_path):
    log = tmp_path / "runs.log"
    with pytest.raises(WorkerError, match="code 11"):
        run(tmp_path / "missing.mp4", tmp_path / "out.mp4", tmp_path / "sessions", log=log)
