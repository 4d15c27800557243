"""A crash of a job: a cancellation at one of its checkpoints."""

import sysconfig
import traceback
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any

import attrs
import outcome
import trio

from kiq_trio._sandbox.performing import perform_job
from kiq_trio.config import Config
from kiq_trio.job import Job

_NOT_THE_USERS = (
    str(Path(__file__).parents[1]),
    str(Path(outcome.__file__).parent),
    str(Path(trio.__file__).parent),
    sysconfig.get_paths()["stdlib"],
)


@attrs.define(eq=False)
class Crash(trio.abc.Instrument):
    """A cancellation of a job after some of its steps.

    A step is what runs until a task waits, so the crash is felt there or, if that was
    a mere schedule point, at the next checkpoint.

    Attributes:
        after: so many steps.
        place: where in the user's code it was felt, if it was.
    """

    after: int
    place: str = attrs.field(default="", init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _root: trio.lowlevel.Task | None = attrs.field(default=None, init=False)
    _steps: int = attrs.field(default=0, init=False)

    def __str__(self) -> str:
        return f"at {self.place}" if self.place else "at its end"

    @property
    def is_early(self) -> bool:
        """Whether the job went on for so many steps."""
        return self._scope.cancel_called

    async def strike(self, job: Job, config: Config) -> None:
        """Perform *job* until the crash; in a task of its own, with all that it starts.

        It fails as it likes: who crashes is run again in any case.
        """
        self._root = trio.lowlevel.current_task()
        if not self.after:
            self._scope.cancel()
        trio.lowlevel.add_instrument(self)
        try:
            with self._scope, suppress(Exception):
                await perform_job(job, _watched(config, self._note))
        finally:
            trio.lowlevel.remove_instrument(self)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the steps of the job."""
        if self._is_below(task):
            self._steps += 1
            if self._steps == self.after:
                self._scope.cancel()

    def _is_below(self, task: trio.lowlevel.Task) -> bool:
        nursery = task.parent_nursery
        while nursery is not None:
            if nursery.parent_task is self._root:
                return True
            nursery = nursery.parent_task.parent_nursery
        return False

    def _note(self, error: BaseException) -> None:
        if self._scope.cancel_called:
            self.place = _find_place(error)


def _watched(config: Config, note: Callable[[BaseException], None]) -> Config:
    """Return *config*, with what comes out of its workers told to *note*."""

    def watch(function: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except BaseException as error:
                note(error)
                raise

        return watched

    workers = []
    for each in config.workers.values():
        own = copy(each)
        if own.is_async:
            own.function = watch(own.function)
        workers.append(own)
    return attrs.evolve(config, workers=workers)


def _find_place(error: BaseException) -> str:
    """Return the line of the user's code that *error* came through last."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [one for one in frames if not one.filename.startswith(_NOT_THE_USERS)]
    frame = (theirs or frames)[-1]
    return f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}"
