"""Sessions in the hands of people, crashes and disks, in any order (K6)."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from .machine.forks import Forks, Kill, Pause
from .machine.golden import FRAMES, SETTINGS, Golden
from .machine.world import MTIMES, World

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
EXAMPLES, STEPS = (10, 15) if FULL else (5, 15)

WHICH = st.integers(0, 2)
PLACE = st.integers(0, 1 << 20)
SOME = st.integers(1, 3).map(lambda count: Pause("segment-sealed", count))
UNTIL = st.one_of(SOME, st.integers(1, 9).map(lambda n: Pause("frames-spooled", n)), st.none())
WHO = st.sampled_from(["both", "both", "self"])
KILL = st.one_of(
    st.builds(Kill, st.integers(1, 40), st.none(), WHO),  # what a run begins with is soon over
    st.builds(Kill, st.integers(1, 220), st.none(), WHO),
    st.builds(Kill, st.integers(1, 30), st.just("rename_new"), WHO),
    st.builds(Kill, st.integers(1, 12), st.sampled_from(["replace", "unlink"]), WHO),
)
"""A run makes about 200 calls, of which 30 publish a file."""
END = st.one_of(UNTIL, KILL).map(lambda one: {"kill" if isinstance(one, Kill) else "pause": one})
KINDS = ("summary", "index", "record", "segment", "frame")
THEN = st.sampled_from(
    ["put back", "accept", "accept and kill", "accept in vain", "accept and lose", "leave"]
)


class Machine(RuleBasedStateMachine):
    """A video, sessions of it, and whatever befalls them.

    Every rule finds something to do in every state, so that what Hypothesis draws does not depend
    on the moment at which a process dies.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    @invariant()
    def everything_is_as_it_has_to_be(self) -> None:
        self.world.counts["points"] += 1
        self.world.look()

    # --- work -------------------------------------------------------------------------------------

    @rule(
        settings=st.sampled_from([*SETTINGS]),
        budget=st.sampled_from([0.0, 2.0]),
        end=END,
        restart=st.booleans(),
        overwrite=st.booleans(),
        in_the_way=st.booleans(),
    )
    def upscale(self, settings, end, in_the_way, **options) -> None:
        if in_the_way:
            self.world.put_old_output(settings)
        self.world.upscale(settings, **end, **options)

    @rule(which=WHICH, end=END, overwrite=st.booleans())
    def resume(self, which, end, overwrite) -> None:
        self.world.resume(self.world.job(which), **end, overwrite=overwrite)

    @rule(settings=st.sampled_from([*SETTINGS]), kill=KILL, restart=st.booleans())
    def crash(self, settings, kill, restart) -> None:
        self.world.upscale(settings, kill=kill, restart=restart)

    @rule(which=WHICH, kill=KILL)
    def crash_of_a_resumed_run(self, which, kill) -> None:
        self.world.resume(self.world.job(which), kill=kill)

    @rule(which=WHICH, event=st.sampled_from(["session-opened", "segment-sealed", "step-started"]),
          go_on=st.booleans())  # fmt: skip
    def two_runners(self, which, event, go_on) -> None:
        self.world.two_runners(self.world.job(which), event, go_on=go_on)

    # --- changes ----------------------------------------------------------------------------------

    @rule(which=WHICH, mtime=st.sampled_from(MTIMES), then=THEN, kill=KILL, until=SOME)
    def another_video(self, which, mtime, then, kill, until) -> None:
        world, job = self.world, self.world.job(which)
        before = world.video, world.mtime
        world.put_video(next(name for name in FRAMES if name != world.video), mtime)
        self._refused_or_accepted(job, then, kill, until)
        if then == "put back":
            world.put_video(*before)

    @rule(which=WHICH, then=THEN, kill=KILL, until=SOME)
    def another_version(self, which, then, kill, until) -> None:
        world, job = self.world, self.world.job(which)
        world.program = 3 - world.program
        self._refused_or_accepted(job, then, kill, until)
        if then == "put back":
            world.program = 3 - world.program

    def _refused_or_accepted(self, job, then, kill, until) -> None:
        world = self.world
        world.resume(job, pause=until)  # refused, unless a crash hides what was agreed on
        world.look()
        if then.startswith("accept") and job.paths.session_id in world.jobs:
            kill = kill if then == "accept and kill" else None
            if then == "accept in vain":
                world.put_old_output(job.settings)
            overwrite = then != "accept in vain"
            world.resume(job, accept=True, overwrite=overwrite, pause=until, kill=kill)
            world.look()
        if then == "accept and kill" and job.paths.session_id in world.jobs:
            world.resume(job)  # what was accepted may be known, or not
        if then == "accept and lose" and job.paths.session_id in world.jobs:
            world.damage(job, "summary", 0)
            world.look()
            world.resume(job)  # what was accepted is known

    @rule(which=WHICH, place=st.sampled_from([0, 1]), say_where=st.booleans(), until=SOME)
    def moved_video(self, which, place, say_where, until) -> None:
        world, job = self.world, self.world.job(which)
        world.move_video(world.places[place])
        world.resume(job, say_where=say_where, pause=until)

    @rule(which=WHICH)
    def other_settings(self, which) -> None:
        self.world.compare_settings(self.world.job(which))

    # --- damage -----------------------------------------------------------------------------------

    @rule(
        which=WHICH,
        place=PLACE,
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
        is_used=st.booleans(),
    )
    def damaged_files(self, which, kinds, place, is_used) -> None:
        world, job = self.world, self.world.job(which)
        for kind in kinds:
            world.damage(job, kind, place)
        world.look()
        if is_used:
            world.resume(job)

    @rule(which=WHICH, place=PLACE, kind=st.sampled_from(["record", "segment"]))
    def deleted_file(self, which, kind, place) -> None:
        self.world.delete(self.world.job(which), kind, place)

    @rule(which=WHICH, kill=st.none() | st.builds(Kill, st.integers(1, 12)))
    def repair(self, which, kill) -> None:
        self.world.repair(self.world.job(which), kill)

    @rule(which=WHICH, kill=st.none() | st.builds(Kill, st.integers(1, 4)))
    def remove(self, which, kill) -> None:
        self.world.remove(self.world.job(which), kill)

    def teardown(self) -> None:
        """Every session comes to its end and makes what it has to make."""
        if not self.world.has_failed:
            self.world.finish_all()
        shutil.rmtree(self.world.folder)


@pytest.fixture(scope="module")
def golden(
    forks: Forks,
    tmp_path_factory: pytest.TempPathFactory,
    draw_clip: Callable[..., Path],
    shown_numbers: Callable[[Path], list[int]],
) -> Golden:
    return Golden(tmp_path_factory.mktemp("golden"), forks, draw_clip, shown_numbers)


@pytest.mark.timeout(900)
def test_nothing_is_lost_whatever_happens(
    forks: Forks, golden: Golden, tmp_path: Path, record: Callable[..., None]
) -> None:
    counts: Counter[str] = Counter()
    numbers = itertools.count()
    begun = time.monotonic()
    losses = 1
    try:
        run_state_machine_as_test(
            lambda: Machine(World(tmp_path / str(next(numbers)), golden, forks, counts)),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=not FULL,
                database=None,
                print_blob=True,
                suppress_health_check=[*HealthCheck],
            ),
        )
        losses = 0
    finally:
        points = counts.pop("points", 0)
        seconds = round(time.monotonic() - begun)
        record("state machine", points=points, losses=losses, seconds=seconds, met=counts)
