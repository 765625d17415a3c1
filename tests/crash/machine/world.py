"""One folder of sessions with a video and outputs, and what is done to it."""

from __future__ import annotations

import os
import shutil
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.other_settings import OTHER_SETTINGS

from tsuzuki.errors import SessionBusyError
from tsuzuki.sessions import SessionManager, generate_session_id
from tsuzuki.sessions.check import check
from tsuzuki.sessions.layout import number_of_frame, number_of_record, number_of_segment
from tsuzuki.settings import ProcessingSettings

from .forks import Forks, Kill, Pause, Runner
from .golden import SETTINGS, Config, Golden, digest_of
from .job import Job
from .judge import Judge

MTIMES = (1_700_000_000, 1_700_000_600)
OLD_OUTPUT = b"what was there before\n"


class World(Judge):
    """What people, crashes and disks do; each of it is judged at once."""

    def __init__(self, folder: Path, golden: Golden, forks: Forks, counts: Counter[str]) -> None:
        super().__init__(folder, golden, counts)
        self.folder, self._forks = folder, forks
        folder.mkdir()
        self.places = (folder / "clip.mp4", folder / "moved.mp4")
        self.place, self.program = self.places[0], 1
        self.put_video("first", MTIMES[0])

    def now(self, settings: str) -> Config:
        """Return what a run would work with at present."""
        return Config(self.video, settings, self.program)

    # --- video and output -------------------------------------------------------------------------

    def put_video(self, video: str, mtime: int) -> None:
        """Have a video lie at the present place."""
        shutil.copyfile(self.golden.videos[video], self.place)
        os.utime(self.place, (mtime, mtime))
        self.video, self.mtime = video, mtime

    def move_video(self, place: Path) -> None:
        """Rename the video."""
        self.place.rename(place)
        self.place = place

    def put_old_output(self, settings: str) -> None:
        """Have an older file in the output's place."""
        output = self.outputs[settings]
        output.write_bytes(OLD_OUTPUT)
        self.lies[output] = digest_of(output)

    # --- work -------------------------------------------------------------------------------------

    def job(self, which: int) -> Job:
        """Return one of the sessions; begins one if there is none."""
        if not self.jobs:
            self.upscale("plain", pause=Pause("segment-sealed", 2))
            self.look()
        return list(self.jobs.values())[which % len(self.jobs)]

    def upscale(
        self,
        settings: str,
        *,
        budget: float = 0.0,
        restart: bool = False,
        overwrite: bool = True,
        pause: Pause | None = None,
        kill: Kill | None = None,
    ) -> None:
        """Upscale the video where it lies: begins, goes on or starts over."""
        own = generate_session_id(self.place, SETTINGS[settings])
        same = {i: j for i, j in self.jobs.items() if j.settings == settings}
        must_find = {i for i, j in same.items() if self._has_to_find(j)}
        if own in same and same[own].is_orphan:
            restart = False  # it is not found, and what can be used of it is
        for job in same.values() if restart else ():
            job.may_vanish = True
        told = self._forks.run(
            "upscale",
            path=self.place,
            settings={**SETTINGS[settings], "loss_budget": budget},
            output=self.outputs[settings],
            sessions_dir=self.root,
            on_existing="restart" if restart else "resume",
            overwrite=overwrite,
            program=self.program,
            pause=pause,
            kill=kill,
        )
        opened = told.one("session-opened")
        ids = [event["session_id"] for event in (opened, told.one("stopped")) if event]
        found = next(filter(None, ids), next(iter(must_find), own))
        self.need(found in {own, *same}, f"a session of other settings was opened: {found}")
        if opened and not restart and must_find:
            self.need(found in must_find, f"{must_find} should have been gone on with, not {found}")
        if found not in self.jobs or (restart and opened):
            self._expect(found, settings)
        elif restart and told.killed and not any(self.jobs[found].paths.upscaled.glob("*")):
            before = self.jobs[found].agreed
            self._expect(found, settings)  # or it had done nothing yet
            self.jobs[found].agreed |= before
        job, now = self.jobs[found], self.now(settings)
        self.judge(told, job, now, self.place, accept=False, overwrite=overwrite)

    def _has_to_find(self, job: Job) -> bool:
        """Tell whether an upscale at present has to go on with this session."""
        here = job.places == {self.place} or not any(place.exists() for place in job.places)
        return here and not job.is_orphan and job.agreed == {self.now(job.settings)}

    def _expect(self, session_id: str, settings: str) -> None:
        paths = SessionManager(self.root).paths(session_id)
        job = Job(self.golden, paths, settings, (self.place, self.mtime))
        job.agreed = {self.now(settings)}
        self.jobs[session_id] = job

    def resume(
        self,
        job: Job,
        *,
        accept: bool = False,
        overwrite: bool = True,
        say_where: bool = True,
        pause: Pause | None = None,
        kill: Kill | None = None,
    ) -> None:
        """Go on with a session by its id."""
        options = {"accept_changes": accept, "overwrite": overwrite, "pause": pause, "kill": kill}
        told = self._start(job, say_where=say_where, **options).wait()
        now = self.now(job.settings)
        self.judge(told, job, now, self.place, accept=accept, overwrite=overwrite)

    def _start(self, job: Job, *, say_where: bool = True, **options: Any) -> Runner:
        moved = say_where and job.places != {self.place}
        return self._forks.start(
            "resume",
            session_id=job.paths.session_id,
            video=self.place if moved else None,
            sessions_dir=self.root,
            program=self.program,
            **options,
        )

    def two_runners(self, job: Job, event: str, *, go_on: bool) -> None:
        """Have a second runner come while the first one is in the midst of it."""
        first = self._start(job, overwrite=True, pause=Pause(event, 1, then="freeze"))
        told = first.wait()
        if told.frozen:
            self.counts["second runners"] += 1
            self._refuse_others(job, first.pid)
            first.thaw() if go_on else first.kill()
            told = first.wait()
        now = self.now(job.settings)
        self.judge(told, job, now, self.place, accept=False, overwrite=True)

    def _refuse_others(self, job: Job, pid: int) -> None:
        second = self._start(job).wait()
        who = {"pid": pid, "host": socket.gethostname()}
        self.need(second.code == "session-busy", f"a second runner got in: {second.events}")
        self.need(second.error["details"] == who, f"it was not told who works: {second.error}")
        with SessionManager(self.root) as manager:
            for call in (manager.repair_session, manager.cleanup_session, manager.check_session):
                self._refuse(call, job.paths.session_id, who)

    def _refuse(self, call: Callable[[str], object], session_id: str, who: dict[str, Any]) -> None:
        try:
            call(session_id)
        except SessionBusyError as error:
            self.need(error.details == who, f"{call.__name__} was told {error.details}")
        else:
            self.lose(f"{call.__name__} got in")

    def finish_all(self) -> None:
        """Have everything as each session knows it, and go on until it is done."""
        for session_id in list(self.jobs):
            for _ in range(3):  # a refusal tells which of two things it knows
                if (job := self.jobs.get(session_id)) is None:
                    break
                self._finish(job)
                self.look()
            self.need(session_id not in self.jobs, f"session {session_id} does not end")

    def _finish(self, job: Job) -> None:
        config = min(job.agreed)
        place, mtime = job.born if job.is_orphan else (min(job.places), self.mtime)
        self.move_video(place)
        self.put_video(config.video, mtime)
        self.program = config.program
        self.upscale(job.settings) if job.is_orphan else self.resume(job)

    # --- care and damage --------------------------------------------------------------------------

    def repair(self, job: Job, kill: Kill | None = None) -> None:
        """Repair a session."""
        told = self._forks.run("repair", root=self.root, session_id=job.paths.session_id, kill=kill)
        if told.code == "session-damaged":
            self.need(job.is_orphan, f"what can be repaired was refused: {told.error}")
        elif told.one("repaired"):
            report = check(job.paths, read_data=True)
            self.need(report.problems == [], f"repaired, and then {report.problems}")
            self.settle_damage(job)
            self.need(not job.damaged, f"not set aside: {job.damaged}")
        else:
            self.need(told.killed, f"repair failed: {told.error}")

    def remove(self, job: Job, kill: Kill | None = None) -> None:
        """Remove a session."""
        job.may_vanish = True
        told = self._forks.run("remove", root=self.root, session_id=job.paths.session_id, kill=kill)
        self.need(told.killed or told.one("removed"), f"removing failed: {told.error}")
        self.need(told.killed or not job.paths.folder.exists(), "it was not removed")

    def damage(self, job: Job, kind: str, place: int) -> None:
        """Flip a bit of a file of a kind; does nothing where there is no such file."""
        if path := self._pick(job, kind, place):
            data, stat = bytearray(path.read_bytes()), path.stat()
            data[place % len(data)] ^= 1 << place % 8
            path.write_bytes(data)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            job.take_damage(path, digest_of(path))

    def delete(self, job: Job, kind: str, place: int) -> None:
        """Delete the file of a segment, or a record."""
        if path := self._pick(job, kind, place):
            path.unlink()
            job.take_damage(path, None)

    def _pick(self, job: Job, kind: str, place: int) -> Path | None:
        up = sorted(job.paths.upscaled.glob("*"))
        files = {
            "summary": [job.paths.progress],
            "index": [job.paths.index],
            "record": [p for p in up if number_of_record(p.name) in job.sealed],
            "segment": [p for p in up if number_of_segment(p.name) in job.sealed],
            "frame": [p for p in up if number_of_frame(p.name) in job.spooled],
        }[kind]
        files = [p for p in files if p.exists() and p not in job.damaged]
        self.counts["damages"] += bool(files)
        return files[place % len(files)] if files else None

    def compare_settings(self, job: Job) -> None:
        """Whatever setting differs, the session is not offered, and the setting is named."""
        if job.no_summary:
            return
        stored = ProcessingSettings.from_dict(SETTINGS[job.settings])
        plain = ProcessingSettings().to_dict()
        with SessionManager(self.root) as manager:
            for name, other in OTHER_SETTINGS.items():
                if name == "bitrate" and stored.crf is not None:
                    continue  # they exclude each other
                value = plain[name] if getattr(stored, name) == other else other
                wish = {**stored.to_dict(), name: value}
                found = manager.find_resumable_session(self.place, wish)
                matches = manager.find_sessions(self.place, wish)
                matches = [m for m in matches if m.session_id == job.paths.session_id]
                self.need(matches or job.places != {self.place}, "the session was not found")
                if matches and name not in ProcessingSettings.NOT_IN_OUTPUT:
                    named = {difference.field for difference in matches[0].differences}
                    self.need(f"settings.{name}" in named, f"{name} differs, {named} were named")
                    offered = found is not None and found["session_id"] == job.paths.session_id
                    self.need(not offered, f"the session is offered for another {name}")
