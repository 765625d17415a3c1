"""What is done with the videos of a watched folder, in which order, and what is remembered."""

import tempfile
import threading
from pathlib import Path

import pytest

from tsuzuki.errors import (
    Cancelled,
    DiskFullError,
    InputNotFoundError,
    NotAVideoError,
    OutputFolderError,
    SessionBusyError,
    SettingsError,
    SuspiciousFrameError,
)
from tsuzuki.pipeline.events import SessionOpened
from tsuzuki.unattended import watch as module
from tsuzuki.unattended.watch import Plan, Watch

ID = "0123456789ab"


class KillError(BaseException):
    """The process is gone."""


class Folder:
    """A watched folder, a clock that waiting moves on, and what was done, said and is there."""

    def __init__(self, path):
        self.path = path / "in"
        self.path.mkdir()
        self.root = path / "sessions"
        self.ends = {}
        self.done = []
        self.said = []
        self.now = 0.0
        self.at = {}
        self.cancel = threading.Event()
        self.cancel.wait = self.wait

    def put(self, name, data=b"video"):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def wait(self, seconds):
        self.now += seconds
        for moment in [moment for moment in self.at if moment <= self.now]:
            self.at.pop(moment)()

    def do(self, job, hear):
        """Write the output as the pipeline does; ``ends`` says with what else it ends, in turn."""
        self.done.append(job.source.name)
        ends = self.ends.get(job.source.name, [])
        error = ends.pop(0) if ends else None
        if isinstance(error, InputNotFoundError | NotAVideoError):
            return error
        output = job.output_dir / f"{job.source.stem}_2x.mp4"
        hear(
            SessionOpened(
                session_id=job.entry.session_id or ID,
                video_file=str(job.source),
                output=str(output),
                folder="",
                resumed=False,
                frames_total=None,
                frames_done=0,
                settings={},
            )
        )
        if error is None or error is KillError:
            output.write_bytes(b"output")
        if error is KillError:
            raise KillError
        return error

    def watch(self, **options):
        """Run a watch to its end and return its exit code."""
        plan = {"folder": self.path, "output_dir": self.path / "upscaled", "once": True, **options}
        with Watch(Plan(**plan), self.root, self.said.append, lambda: self.now) as watch:
            return watch.run(self.do, self.cancel)

    def outputs(self):
        out = self.path / "upscaled"
        return sorted(str(path.relative_to(out)) for path in out.rglob("*.mp4"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    monkeypatch.setattr(module, "probe_apart", lambda path, cancel: None)
    return folder


def test_each_is_done_once_and_stays_where_it_is(folder):
    sources = [folder.put("a.mp4"), folder.put("b.mp4")]
    assert folder.watch() == 0
    assert folder.watch() == 0
    assert sorted(folder.done) == ["a.mp4", "b.mp4"]
    assert all(path.exists() for path in sources)
    assert folder.outputs() == ["a_2x.mp4", "b_2x.mp4"]


def test_one_that_was_changed_is_done_again(folder):
    folder.put("a.mp4")
    folder.watch()
    folder.put("a.mp4", b"another")
    folder.watch()
    assert folder.done == ["a.mp4", "a.mp4"]


def test_one_that_is_being_written_waits_and_is_left_by_a_watch_that_ends(folder):
    path = folder.put("a.mp4")
    for second in range(1, 9):
        folder.at[second] = lambda: path.write_bytes(path.read_bytes() + b"more")
    assert folder.watch(settle=3.0) == 0
    assert folder.done == []
    assert "still being written" in folder.said[-1]
    folder.at = {30: folder.cancel.set}
    folder.watch(settle=3.0, once=False)
    assert folder.done == ["a.mp4"]


def test_it_waits_for_what_arrives(folder):
    folder.at = {10: lambda: folder.put("a.mp4"), 40: folder.cancel.set}
    assert folder.watch(once=False) == 0
    assert folder.done == ["a.mp4"]
    assert [text for text in folder.said if text.startswith("Waiting for videos in ")] == [
        f"Waiting for videos in {folder.path}. Ctrl-C ends it."
    ] * 2


def test_one_that_cannot_be_opened_yet_gets_time_to_become_whole(folder, monkeypatch):
    opened = []

    def probe(path, cancel):
        opened.append(folder.now)
        raise NotAVideoError("None.")

    monkeypatch.setattr(module, "probe_apart", probe)
    folder.put("a.mp4")
    folder.ends["a.mp4"] = [NotAVideoError("None.")]
    folder.at = {29: lambda: folder.done.append("not before"), 90: folder.cancel.set}
    folder.watch(once=False, settle=5.0)
    assert len(opened) == 1
    assert folder.done == ["not before", "a.mp4"]
    assert folder.watch() == 0
    assert folder.done == ["not before", "a.mp4"]


def test_a_failure_is_remembered_with_its_reason_until_it_is_to_be_tried_again(folder):
    folder.put("a.mp4")
    folder.put("b.mp4")
    folder.ends["a.mp4"] = [NotAVideoError("It is none.")]
    assert folder.watch() == NotAVideoError.exit_code
    assert folder.watch() == 0
    assert sorted(folder.done) == ["a.mp4", "b.mp4"]
    assert "a.mp4: It is none." in folder.said[-1]
    assert folder.watch(retry=True) == 0
    assert folder.done[-1] == "a.mp4"
    folder.said.clear()
    folder.watch()
    assert folder.said == []


def test_a_failure_that_somebody_has_mended_is_done(folder):
    folder.put("a.mp4")
    folder.ends["a.mp4"] = [SuspiciousFrameError("Look at it.")]
    folder.watch()
    (folder.path / "upscaled" / "a_2x.mp4").write_bytes(b"by tsuzuki resume --accept-suspicious")
    folder.said.clear()
    folder.watch(retry=True)
    assert (folder.done, folder.said) == (["a.mp4"], [])


@pytest.mark.parametrize("error", [DiskFullError("Full."), SessionBusyError("Busy.")])
def test_what_mends_itself_is_tried_again_less_and_less_often(folder, error):
    folder.put("a.mp4")
    folder.ends["a.mp4"] = [error] * 3
    folder.at = {400: lambda: folder.done.append("six minutes"), 1000: folder.cancel.set}
    assert folder.watch(once=False) == 0
    assert folder.done == ["a.mp4"] * 3 + ["six minutes", "a.mp4"]
    again = [text for text in folder.said if "again in" in text]
    assert again == [f"Trying a.mp4 again in {minutes} min." for minutes in (1, 2, 4)]


def test_an_output_folder_that_is_away_is_waited_for(folder, monkeypatch):
    folder.put("sub/a.mp4")
    real, calls = module._make, []

    def make(path):
        calls.append(path)
        if path.name == "sub" and len(calls) < 4:
            raise OutputFolderError("Away.")
        real(path)

    monkeypatch.setattr(module, "_make", make)
    folder.at = {400: folder.cancel.set}
    folder.watch(once=False, recursive=True)
    assert "Away." in folder.said
    assert folder.outputs() == ["sub/a_2x.mp4"]


def test_one_that_goes_away_is_forgotten(folder):
    path = folder.put("a.mp4")

    def do(job, hear):
        path.unlink()
        return InputNotFoundError("Gone.")

    folder.do = do
    folder.watch()
    assert folder.said == [f"{path} is no longer there."]
    assert not list(folder.root.glob("watch/*/*.json"))


def test_ctrl_c_leaves_what_was_begun_to_go_on_with(folder):
    for name in ("a.mp4", "b.mp4"):
        folder.put(name)

    def do(job, hear):
        folder.cancel.set()
        Folder.do(folder, job, hear)
        return Cancelled("Stopped.")

    folder.do, usual = do, folder.do
    assert folder.watch(once=False) == Cancelled.exit_code
    assert len(folder.done) == 1
    (interrupted,) = folder.done
    (folder.path / "upscaled" / interrupted.replace(".", "_2x.")).unlink()
    folder.cancel.clear()
    folder.do = usual
    folder.watch()
    assert sorted(folder.done[1:]) == ["a.mp4", "b.mp4"]


def test_a_kill_after_the_end_and_before_its_note(folder):
    folder.put("a.mp4")
    folder.ends["a.mp4"] = [KillError]
    with pytest.raises(KillError):
        folder.watch()
    assert folder.watch() == 0
    assert folder.done == ["a.mp4"]


def test_sources_are_moved_where_that_is_asked_for(folder, tmp_path):
    for name in ("a.mp4", "sub/b.mp4", "sub/c.mp4"):
        folder.put(name)
    folder.ends["c.mp4"] = [NotAVideoError("It is none.")]
    places = {"done_dir": folder.path / "done", "failed_dir": tmp_path / "failed"}
    folder.watch(recursive=True, **places)
    folder.watch(recursive=True, **places)
    assert sorted(folder.done) == ["a.mp4", "b.mp4", "c.mp4"]
    assert (folder.path / "done" / "a.mp4").exists()
    assert (folder.path / "done" / "sub" / "b.mp4").exists()
    assert (tmp_path / "failed" / "sub" / "c.mp4").exists()
    reason = tmp_path / "failed" / "sub" / "c.mp4.txt"
    assert reason.read_text() == "It is none.\n"
    assert not list(folder.root.glob("watch/*/*.json"))
    assert folder.outputs() == ["a_2x.mp4", "sub/b_2x.mp4"]


def test_outputs_are_never_taken_for_something_new(folder, tmp_path):
    folder.put("a.mp4")
    folder.put("sub/b.mp4")
    folder.watch(recursive=True)
    folder.watch(recursive=True)
    folder.watch(recursive=True, output_dir=tmp_path / "elsewhere")
    assert sorted(folder.done) == ["a.mp4", "b.mp4"]


def test_what_was_not_moved_before_a_kill_is_moved_later(folder):
    folder.put("a.mp4")
    folder.watch()
    folder.watch(done_dir=folder.path / "done")
    assert (folder.path / "done" / "a.mp4").exists()
    assert folder.done == ["a.mp4"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"output_dir": "in"}, SettingsError),
        ({"done_dir": "in"}, SettingsError),
        ({"output_dir": ".", "recursive": True}, SettingsError),
        ({"folder": "none"}, InputNotFoundError),
        ({"output_dir": "file/out"}, OutputFolderError),
    ],
)
def test_what_cannot_work_is_refused_at_once(folder, tmp_path, options, error):
    (tmp_path / "file").touch()
    paths = {name: tmp_path / path for name, path in options.items() if name != "recursive"}
    with pytest.raises(error):
        folder.watch(**{**options, **paths})
    assert folder.done == []


def test_sources_are_not_copied_to_another_disk(folder):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == folder.path.stat().st_dev:
        pytest.skip("there is no second disk")
    with tempfile.TemporaryDirectory(dir=other) as away, pytest.raises(SettingsError, match="disk"):
        folder.watch(done_dir=Path(away))
