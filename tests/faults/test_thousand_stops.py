"""A thousand stops, of all lengths, with a Redis that may be away: each is in time."""

import random
import sys
from collections import Counter
from collections.abc import Callable

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Job, Kiq, worker
from kiq_trio.testing import Fate, FaultyServer, by_chance
from kiq_trio.timing import Timing
from kiq_trio.worker import AnyWorker
from tests.journey.conftest import places

pytestmark = [pytest.mark.faults, pytest.mark.slow]

AFTERMATH = 1.0
"""So many seconds after its deadline a process must have ended, if its jobs have."""
ROOM = 4
MOODS = ["well", "well", "away", "silent", "flickering", "back"]


@attrs.define(eq=False)
class Scene:
    """A process that stops while it runs jobs.

    Attributes:
        rng: decides how long jobs are, and when the stop comes.
        begun: the names of those that have begun.
        done: how often each has come to its end.
        over_at: when the last one was over, on Trio's clock, done or not.
    """

    rng: random.Random
    server: FaultyServer = attrs.field(factory=FaultyServer)
    begun: list[str] = attrs.field(factory=list)
    done: Counter[str] = attrs.field(factory=Counter)
    over_at: float = 0.0

    def workers(self) -> list[AnyWorker]:
        @worker()
        async def nap(name: str, seconds: float) -> None:
            self.begun.append(name)
            await trio.sleep(seconds)
            self.done[name] += 1

        @worker()
        async def tidy(name: str, seconds: float) -> None:
            """Put something in order when it is cancelled."""
            self.begun.append(name)
            try:
                await trio.sleep(seconds)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(0.1)
                self.over_at = trio.current_time()
            self.done[name] += 1

        return [nap, tidy]

    def upset(self, mood: str) -> None:
        """Let Redis be in a mood from now on."""
        if mood in {"away", "back"}:
            self.server.go_away()
        elif mood == "silent":
            self.server.fate = lambda _: "silence"
        elif mood == "flickering":
            odds: dict[Fate, float] = {"request lost": 0.1, "reply lost": 0.1}
            self.server.fate = by_chance(self.rng.random, odds)

    async def stop(self, mood: str) -> tuple[float, list[str]]:
        """Return how long after its deadline it ended, and the names of its jobs.

        Those that put something in order may take their time for that.
        """
        grace = self.rng.choice([0, 0.5, 5, 25])
        door = self.server.door()
        async with Kiq(redis_url=door, server=False) as client:
            jobs = [self._job(number) for number in range(3 * ROOM)]
            await client.enqueue_many(jobs)
        async with trio.open_nursery() as nursery:
            async with Kiq(
                redis_url=self.server,
                workers=self.workers(),
                queues={"default": ROOM},
                timing=Timing(),
                random=self.rng.random,
                shutdown_timeout=grace,
            ):
                await trio.sleep(self.rng.uniform(0.1, 20))
                self.upset(mood)
                await trio.sleep(self.rng.choice([0, 0, 0.01, 3]))
                if mood == "back":
                    after = self.rng.uniform(0, grace + AFTERMATH)
                    nursery.start_soon(later, after, self.server.come_back)
                asked_at = trio.current_time()
            late = trio.current_time() - max(asked_at + grace, self.over_at)
        return late, [job.args[0] for job in jobs]

    def _job(self, number: int) -> Job:
        kind = self.rng.choice(["nap", "nap", "nap", "tidy"])
        seconds = self.rng.choice([0.0, 1.0, 10.0, 1000.0])
        return Job(job_class=kind, args=[f"{number}", seconds])

    async def whereabouts(self) -> dict[str, list[str]]:
        """Return the names of the jobs in each place, those in queues oldest first."""
        async with Kiq(redis_url=self.server.door(), server=False) as client:
            found = await places(client)
        return {
            key: [Job.decode(payload).args[0] for payload in reversed(payloads)]
            for key, payloads in found.items()
        }


async def later(seconds: float, deed: Callable[[], None]) -> None:
    await trio.sleep(seconds)
    deed()


async def test_every_stop_is_in_time_and_leaves_its_jobs_in_front_of_their_queue(
    autojump_clock: MockClock, rng: random.Random, *, is_long: bool
) -> None:
    stops = 1000 if is_long else 24
    late: dict[str, list[float]] = {mood: [] for mood in MOODS}
    returned = 0
    for number in range(stops):
        mood = MOODS[number % len(MOODS)]
        scene = Scene(random.Random(rng.random()))
        after, names = await scene.stop(mood)
        late[mood].append(after)
        # What it had sent before it ended still arrives.
        await trio.sleep(1)
        where = await scene.whereabouts()
        waiting = where.get("queue:default", [])

        assert after <= AFTERMATH + 0.01, mood
        found = [name for names in where.values() for name in names]
        if mood == "well":
            interrupted = {name for name in scene.begun if not scene.done[name]}
            front, rest = waiting[: len(interrupted)], waiting[len(interrupted) :]
            assert set(front) == interrupted
            assert rest == [name for name in names if name not in scene.begun]
            assert not set(where) - {"queue:default"}
            returned += len(front)
        assert sorted({*found, *scene.done}) == sorted(names), "each is somewhere"
        assert len(set(found)) == len(found), "and only once"
        assert set(scene.done.values()) <= {1}

    worst = ", ".join(f"{mood} {max(times):+.2f} s" for mood, times in late.items())
    sys.stdout.write(
        f"{stops} stops, at the latest after their deadline: {worst}; "
        f"{returned} unfinished jobs were back in front\n"
    )
    assert returned > 0
