"""Whether what runs tell, and what lies on the disk, is what has to be."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from tsuzuki.errors import TsuzukiError
from tsuzuki.sessions import Damage, Report, SegmentRecord, read_records
from tsuzuki.sessions.check import check

from .forks import Told
from .golden import FRAMES, SETTINGS, Config, Golden, digest_of
from .job import Job, segment_of

DIFFERENCES = {"video.content", "versions.tsuzuki", "encoding.options.crf"}
"""Parts of the identity in which the configurations differ, among others."""


class Judge:
    """Compares the sessions of a folder with what is known of them."""

    def __init__(self, folder: Path, golden: Golden, counts: Counter[str]) -> None:
        self.golden, self.counts = golden, counts
        self.root = folder / "sessions"
        self.jobs: dict[str, Job] = {}
        self.outputs: dict[str, Path] = {name: folder / f"{name}.mp4" for name in SETTINGS}
        """Where the output goes, by the settings."""
        self.lies: dict[Path, str | None] = dict.fromkeys(self.outputs.values())
        """Digest of what lies there."""
        self.has_failed = False

    def need(self, what: object, otherwise: str) -> None:
        """Fail unless it is so."""
        if not what:
            self.lose(otherwise)

    def lose(self, what: str) -> NoReturn:
        """Fail."""
        self.has_failed = True
        raise AssertionError(what)

    # --- runs -------------------------------------------------------------------------------------

    def judge(
        self, told: Told, job: Job, now: Config, place: Path, *, accept: bool, overwrite: bool
    ) -> None:
        """Compare what a run has told with what it may do; ``now`` is what it worked with."""
        self.counts["runs"] += 1
        self.counts["kills"] += told.killed
        self.need(not told.all("rewritten"), f"written again: {told.all('rewritten')}")
        if told.code is not None:
            self._judge_refusal(told, job, now, accept=accept, overwrite=overwrite)
        opened = told.one("session-opened")
        if opened:
            may = accept or now in job.agreed or job.is_unproven
            self.need(may, f"went on with {now} instead of {job.agreed}")
        if opened or told.killed:
            job.be_opened(told, now, place, accept=accept)
        before, was_published = job.safe_frames(), job.published
        job.hear(told, now)
        self._seal_untold(job, now)
        self._judge_output(told, job, now, overwrite=overwrite)
        if finished := told.one("finished"):
            if not was_published and not told.all("worker-restarted"):
                needed, computed = finished["frames"] - len(before), finished["frames_computed"]
                self.need(computed == needed, f"{computed} frames were computed, not {needed}")
            self._judge_end(finished, job, now)

    def _judge_refusal(
        self, told: Told, job: Job, now: Config, *, accept: bool, overwrite: bool
    ) -> None:
        legal = {
            "cancelled": True,
            "session-differs": not accept and job.agreed != {now},
            "input-not-found": not all(place.exists() for place in job.places),
            "output-exists": self.lies[self.outputs[job.settings]] and not overwrite,
            "session-not-found": job.is_orphan,
            "session-damaged": job.is_orphan,
        }
        self.counts[f"told {told.code}"] += 1
        self.need(legal.get(told.code or ""), f"refused without reason: {told.error}")
        if told.code == "session-differs":
            named = {line.split(":")[0] for line in told.error["details"]["differences"]}
            known = [then.differences(now) for then in job.agreed]
            ok = named & DIFFERENCES in known or named == {"content of the video"}
            self.need(ok, f"it differs in {known}, and {named} were named")
            job.agreed = {then for then in job.agreed if then != now}

    def _seal_untold(self, job: Job, now: Config) -> None:
        """Know the segments that a run has sealed without coming to tell it."""
        for record in read_records(job.paths, verify_data=True).good:
            if record.segment not in job.sealed and self._is_golden(record, now):
                job.sealed[record.segment] = now

    def _is_golden(self, record: SegmentRecord, config: Config) -> bool:
        golden = self.golden.of(config).records
        if record.segment > len(golden):
            return False
        facts = ("first", "last", "frames", "sha256", "size")
        same = golden[record.segment - 1]
        return all(getattr(record, name) == getattr(same, name) for name in facts)

    def _judge_output(self, told: Told, job: Job, now: Config, *, overwrite: bool) -> None:
        """The place of the output holds what it held, or the complete new output."""
        output = self.outputs[job.settings]
        before, after, finished = self.lies[output], _digest(output), told.one("finished")
        parts = job.parts(now)
        whole = self.golden.joined(now, parts) if parts else None
        if after != before:
            self.need(before is None or overwrite, "an existing output was replaced unasked")
            self.need(told.killed or finished, "an output appeared without the end of a run")
        if after != before or finished:
            expected = {whole, job.published} if after == before else {whole}
            self.need(after in expected, f"the output is not that of {now} with {job.sealed}")
        if after is not None and after == whole:
            job.published = after
        self.lies[output] = after

    def _judge_end(self, finished: dict[str, Any], job: Job, now: Config) -> None:
        self.counts["outputs"] += 1
        self.need(finished["frames"] == FRAMES[now.video], "frames are missing or too many")
        self.need(not finished["failed_frames"], "frames failed")
        mixed = {*job.sealed.values()} - {now}
        self.need(not (mixed and finished["bit_identical"]), "equal bytes were promised of a mix")
        self.need(not job.paths.folder.exists(), "the session is still there")
        del self.jobs[job.paths.session_id]

    # --- the disk ---------------------------------------------------------------------------------

    def look(self) -> None:
        """Compare every session with what is known of it."""
        on_disk = {p.name for p in self.root.glob("*") if re.fullmatch("[0-9a-f]{12}", p.name)}
        self.need(on_disk <= self.jobs.keys(), f"unknown sessions: {on_disk - self.jobs.keys()}")
        for session_id, job in list(self.jobs.items()):
            if session_id in on_disk:
                self._look_at(job)
                job.may_vanish = False
            else:
                self.need(job.may_vanish or job.published, f"session {session_id} is gone")
                del self.jobs[session_id]
        for output, digest in self.lies.items():
            self.need(_digest(output) == digest, f"{output.name} has changed")

    def _look_at(self, job: Job) -> None:
        try:
            report, quick = check(job.paths, read_data=True), check(job.paths)
        except TsuzukiError as error:
            self.lose(f"the session does not open: {error!r}")
        self.settle_damage(job)
        for path, digest in job.damaged.items():
            self.need(_names(report, path), f"{path.name} is damaged, a check says {report}")
            if digest is None:
                self.need(_names(quick, path), f"{path.name} is missing, a check says {quick}")
        for problem in (*report.problems, *quick.problems):
            self.need(_is_explained(problem, job), f"a sound session has a problem: {problem}")
        self._look_at_work(job)
        self._look_for_rewriting(job)
        job.no_summary = (job.no_summary or not job.was_opened) and _is_away(
            job, job.paths.progress
        )
        job.no_index = job.no_index and _is_away(job, job.paths.index)
        job.is_unproven = job.is_unproven or job.is_orphan

    def settle_damage(self, job: Job) -> None:
        """Forget damage that was set aside; what was damaged has to be kept."""
        for path, digest in list(job.damaged.items()):
            if digest is None:
                number = segment_of(path) or 0
                is_settled = number in job.sealed or not job.paths.record(number).exists()
            else:
                is_settled = _digest(path) != digest
            if is_settled:
                del job.damaged[path]
        kept = {digest_of(p) for p in job.paths.folder.rglob("*.damaged-*") if p.is_file()}
        lost = job.aside - kept - {*job.damaged.values()}
        self.need(not lost, f"damaged files were not kept: {lost}")

    def _look_at_work(self, job: Job) -> None:
        records = read_records(job.paths, verify_data=True)
        good = {record.segment: record for record in records.good}
        for number, record in good.items():
            made = job.sealed.get(number)
            self.need(made, f"segment {number} is not one of {job.agreed}")
            golden = made and self._is_golden(record, made)
            self.need(golden, f"segment {number} has not the bytes of {made}")
        self.need(not job.sealed.keys() - good, f"segments are gone: {job.sealed.keys() - good}")
        there = {n for n, path in records.spooled.items() if path not in job.damaged}
        lost = job.spooled - job.sealed_frames() - there
        self.need(not lost, f"frames are gone: {lost}")
        job.know_frames(there)

    def _look_for_rewriting(self, job: Job) -> None:
        """A sealed file stays the very same one."""
        files: dict[Path, tuple[int, int, str]] = {}
        for path in job.paths.upscaled.glob("segment_*"):
            number = segment_of(path)
            if number in job.sealed and path not in job.damaged:
                stat = path.stat()
                files[path] = stat.st_ino, stat.st_mtime_ns, digest_of(path)
                if path in job.files and number not in job.redo:
                    self.need(job.files[path] == files[path], f"{path.name} was written again")
        job.files = files
        job.redo -= job.sealed.keys()


def _digest(path: Path) -> str | None:
    return digest_of(path) if path.exists() else None


def _is_away(job: Job, path: Path) -> bool:
    return path in job.damaged or not path.exists()


def _names(report: Report, path: Path) -> bool:
    return any(_is_about(one, path) for one in (*report.problems, *report.notes))


def _is_about(damage: Damage, path: Path) -> bool:
    by_number = damage.segment is not None and damage.segment == segment_of(path)
    return damage.path == path or path.name in damage.reason or by_number


def _is_explained(problem: Damage, job: Job) -> bool:
    """Tell whether a rule has done this, or a kill came when work was being set aside."""
    if "finished frames are missing" in problem.reason:
        return _numbers(problem.reason) <= job.gone
    return (
        any(_is_about(problem, path) for path in job.damaged)
        or problem.segment in job.redo
        or (problem.path == job.paths.progress and job.no_summary)
        or (problem.path == job.paths.index and job.no_index)
    )


def _numbers(reason: str) -> set[int]:
    numbers: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", reason):
        numbers |= set(range(int(first), int(last or first) + 1))
    return numbers
