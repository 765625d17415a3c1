"""What has to be true of a session. Frames and segments are numbered from 1."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tsuzuki.sessions import SessionPaths, read_records
from tsuzuki.sessions.layout import number_of_frame, number_of_record, number_of_segment

from .forks import Told
from .golden import Config, Golden


class Job:
    """One session."""

    def __init__(
        self, golden: Golden, paths: SessionPaths, settings: str, born: tuple[Path, int]
    ) -> None:
        self._golden = golden
        self.paths = paths
        self.settings = settings
        self.born = born
        """Path and time of the video when the session was created: they are in its id."""
        self.places: set[Path] = {born[0]}
        """Where the session may have its video: one place, or two where a kill hides which."""
        self.all_places = {born[0]}
        self.agreed: set[Config] = set()
        """What it may go on with unasked: one, or two where a kill hides which."""
        self.sealed: dict[int, Config] = {}
        """Segments that are safe, and what they were made with."""
        self.spooled: set[int] = set()
        """Frames that are safe by themselves."""
        self.damaged: dict[Path, str | None] = {}
        """Files that a rule has damaged, with the digest of what they hold; None if deleted."""
        self._unseen: dict[Path, set[int]] = {}
        """Frames of damaged segments: what is still spooled of them is dropped before the damage is
        seen."""
        self.aside: set[str] = set()
        """Digests of damaged files, which have to be kept."""
        self.redo: set[int] = set()
        """Segments that were damaged or given up, so that they have to come again."""
        self.gone: set[int] = set()
        """Frames of which a check may say that they are missing."""
        self.no_summary = self.no_index = False
        """Whether a rule has taken it away, and nobody has made it anew since."""
        self.files: dict[Path, tuple[int, int, str]] = {}
        """Sealed files: inode, time, digest."""
        self.published: str | None = None
        """Digest of the complete output that is in its place while the session is still there."""
        self.may_vanish = True
        self.was_opened = False
        """Whether a run has told of it."""
        self.anew: Config | None = None
        """What it was changed to, while frames from before that may still lie there."""
        self.is_unproven = True
        """Whether nothing tells what its work was made with, until a run has saved that."""

    @property
    def is_orphan(self) -> bool:
        """Whether nothing says any more what was asked for."""
        index = self.paths.index
        return self.no_summary and (index in self.damaged or not index.exists())

    def safe_frames(self) -> set[int]:
        """Return the frames that need not be computed again."""
        return self.spooled | self.sealed_frames()

    def sealed_frames(self) -> set[int]:
        """Return the frames of all sealed segments."""
        return set().union(*(self._golden.frames(made, n) for n, made in self.sealed.items()))

    def parts(self, now: Config) -> tuple[Config, ...] | None:
        """Return what the segments of an output were made with; None where one is missing."""
        numbers = range(1, len(self._golden.of(now).records) + 1)
        if all(n in self.sealed and self._fits(n, now) for n in numbers):
            return tuple(self.sealed[n] for n in numbers)
        return None

    def know_frames(self, there: set[int]) -> None:
        """Know the frames that lie there by themselves, and may be relied on."""
        unseen = (frames for path, frames in self._unseen.items() if path in self.damaged)
        self.spooled = there.difference(self.sealed_frames(), *unseen)
        self.gone -= self.safe_frames()

    # --- what befalls it --------------------------------------------------------------------------

    def take_damage(self, path: Path, digest: str | None) -> None:
        """Know that a rule has damaged a file, or deleted it."""
        self.damaged[path] = digest
        if digest is not None:
            self.aside.add(digest)
        if path == self.paths.progress:
            self.no_summary = True
            # It is made anew from what the index remembers: where the video lay at first.
            self.places |= self.all_places
        elif path == self.paths.index:
            self.no_index = True
        elif (number := number_of_frame(path.name)) is not None:
            self.spooled.discard(number)
            self.gone.add(number)
        else:
            number = segment_of(path) or 0
            self._unseen[path] = self._golden.frames(self.sealed[number], number)
            self._give_up([number])

    def be_opened(self, told: Told, now: Config, place: Path, *, accept: bool) -> None:
        """Know that a run works on it, or was killed when it was about to."""
        is_open = told.one("session-opened") is not None
        steps = told.all("step-started")  # then what was known before is saved
        self.places = {place} if steps else {*self.places, place}
        self.all_places.add(place)
        if accept and (now not in self.agreed or len(self.agreed) > 1):
            self._change(now, sure=bool(steps))
        elif is_open:
            self.agreed = {now}
        if self.is_unproven:
            self._give_up_unproven(now)
        if is_open:
            self.may_vanish, self.was_opened = False, True
            self.is_unproven = self.is_unproven and not steps
            if self.anew == now:
                self._give_up_frames()
                self._give_up_what_does_not_fit(now)
            steps += told.all("step-skipped")
            if self.anew != now or any(event["step"] == "upscale" for event in steps):
                self.anew = None

    def hear(self, told: Told, now: Config) -> None:
        """Know what a run has told to be safe."""
        for event in told.events:
            if event["event"] == "segment-sealed":
                self.sealed[event["segment"]] = now
            elif event["event"] == "frames-spooled":
                self.spooled |= set(range(event["first"], event["last"] + 1))

    def _change(self, now: Config, *, sure: bool) -> None:
        """Know that changes were accepted: open segments begin anew, and some do not fit."""
        self._give_up_frames()
        self.anew = now
        self.no_index = self.no_index or {then.video for then in self.agreed} != {now.video}
        self._give_up_what_does_not_fit(now)
        self.agreed = {now} if sure else {*self.agreed, now}

    def _give_up_unproven(self, now: Config) -> None:
        """Know that frames are not used, nor segments that say that they are of something else."""
        self._give_up_frames()
        self.anew = now
        self._give_up_unless_there(n for n, made in self.sealed.items() if made != now)
        self.agreed |= {now}

    def _fits(self, number: int, now: Config) -> bool:
        frames = self._golden.frames
        return frames(self.sealed[number], number) == frames(now, number)

    def _give_up_frames(self) -> None:
        self.gone |= self.spooled
        self.spooled = set()
        for path in [p for p in self.damaged if number_of_frame(p.name) is not None]:
            if not path.exists():
                self.aside.discard(self.damaged.pop(path) or "")

    def _give_up_what_does_not_fit(self, now: Config) -> None:
        self._give_up_unless_there(n for n in self.sealed if not self._fits(n, now))

    def _give_up_unless_there(self, numbers: Iterable[int]) -> None:
        """Expect these segments no more, unless a kill came before they were looked at."""
        there = {record.segment: record.sha256 for record in read_records(self.paths).good}
        for number in [*numbers]:
            same = self._golden.of(self.sealed[number]).records[number - 1]
            if there.get(number) != same.sha256:
                self._give_up([number])

    def _give_up(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.redo.add(number)
            self.gone |= self._golden.frames(self.sealed.pop(number), number)


def segment_of(path: Path) -> int | None:
    """Return the number of the segment that a file or record belongs to."""
    return number_of_record(path.name) or number_of_segment(path.name)
