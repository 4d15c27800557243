"""Runs a job with a crash at each of its checkpoints, and again to its end."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, TypeAlias

import attrs
import trio

from kiq_trio._sandbox.crashing import Crash
from kiq_trio._sandbox.performing import as_stored, perform_job
from kiq_trio.config import Config
from kiq_trio.errors import ConfigError
from kiq_trio.job import Job
from kiq_trio.worker import AnyWorker
from kiq_trio.worker_class import Worker

Describe: TypeAlias = Callable[[], Any]
World: TypeAlias = Callable[[], Iterator[Describe] | AsyncIterator[Describe]]
"""A function with one `yield`, as a fixture of pytest: it makes a world, yields a
function that describes it (plain or async), and takes the world down again."""


async def assert_idempotent(
    worker: AnyWorker | type[Worker],
    args: Sequence[Any] = (),
    *,
    world: World,
    limit: int = 1_000,
) -> int:
    """Fail unless a job that crashes and runs again does what it does in one run.

    A job may run more than once: its process may die at any moment, also after the
    job has ended and before Redis knows. This tries all the moments at which a job
    can be cancelled. In a world of its own for each of them, the job is cancelled
    there, and then run to its end as the same job, with the same jid. Then the world
    must be as it is after one clean run::

        async def test_a_card_is_charged_once(autojump_clock, monkeypatch):
            def bank():
                fake = FakeBank()
                monkeypatch.setattr(shop, "bank", fake)
                yield lambda: fake.charges

            await assert_idempotent(charge, [42, 100], world=bank)

    Args:
        worker: whose job.
        args: what it is called with.
        world: makes a new world and takes it down: a function with one `yield`, async
            or not, that gives a function to describe the world, which may be async.
            Descriptions are compared with `==`.
        limit: how many checkpoints a run may pass: the more, the longer it takes.

    Returns:
        How many crashes it has felt, one or two for each checkpoint. The one at its
        end comes on top; it is the only one of a plain function.

    Raises:
        AssertionError: a world is another one. It says where the crash was.
        ConfigError: *worker* is not a worker, or *world* has no `yield`.
        RuntimeError: it passes more than *limit* checkpoints.
        BaseException: what a run to the end raises, a verdict as well; with a note
            that says after which crash.
    """
    __tracebackhide__ = True
    config = Config(workers=[worker])
    [performer] = config.workers.values()
    trial = Trial(config, as_stored(performer.new(*args)), _as_block(world))
    clean = await trial.play()
    for after in range(limit + 1):
        crash = Crash(after)
        found = await trial.play(crash)
        if found != clean:
            raise AssertionError(
                f"{performer.name} is not idempotent: after a crash {crash}, and "
                f"another run, the world is not as after one clean run\n"
                f"  one clean run: {clean!r}\n"
                f"  with the crash: {found!r}"
            )
        if not crash.is_early:
            return trial.crashes
    raise RuntimeError(
        f"{performer.name} passes more than {limit:,} checkpoints; give it less to do, "
        "or a higher limit"
    )


@attrs.define
class Trial:
    """A job, and the worlds in which it is run.

    Attributes:
        config: with its worker.
        job: the same in all worlds, for a job that is run again keeps its jid.
        block: makes a world.
        crashes: how many were felt.
    """

    config: Config
    job: Job
    block: Callable[[], AbstractAsyncContextManager[Describe]]
    crashes: int = 0

    async def play(self, crash: Crash | None = None) -> Any:
        """Make a world, run the job in it, with a *crash* before, and describe it."""
        async with self.block() as describe:
            if crash is not None:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(crash.strike, self.job, self.config)
                self.crashes += bool(crash.place)
            try:
                await perform_job(self.job, self.config)
            except BaseException as error:
                if crash is not None:
                    error.add_note(f"in the run after a crash {crash}")
                raise
            found = describe()
            return await found if inspect.isawaitable(found) else found


def _as_block(world: World) -> Callable[[], AbstractAsyncContextManager[Describe]]:
    if inspect.isasyncgenfunction(world):
        return asynccontextmanager(world)
    if not inspect.isgeneratorfunction(world):
        raise ConfigError(
            f"assert_idempotent: world must be a function with one yield, got {world!r}"
        )
    plain = contextmanager(world)

    @asynccontextmanager
    async def block() -> AsyncIterator[Describe]:
        with plain() as describe:
            yield describe

    return block
