"""A line on which requests and replies take their time, get lost, or come late."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Literal, Protocol, TypeAlias, get_args

import attrs
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kiq_trio._wire.seam import Connection
from kiq_trio._wire.slot import Command, NeverSentError, Slot

Fate: TypeAlias = Literal[
    "delivered", "request lost", "reply lost", "silence", "late", "twice"
]
"""What becomes of commands that travel together; see `FaultyServer`."""

FATES: tuple[Fate, ...] = get_args(Fate)


class DeliverLate(Protocol):
    """What brings requests to Redis, each at its time, on no line of ours."""

    def __call__(
        self, requests: Sequence[tuple[float, Sequence[Command]]], *, is_late: bool
    ) -> None:
        """Do so; if *is_late*, not yet."""
        ...


@attrs.frozen(eq=False)
class _Request:
    """Commands on their way to Redis.

    Attributes:
        commands: what travels together.
        slot: where the replies are awaited.
        fate: what becomes of it when it arrives.
        arrives_at: when that is, on Trio's clock.
    """

    commands: Sequence[Command]
    slot: Slot
    fate: Fate
    arrives_at: float


@attrs.define(eq=False)
class FaultyConnection(Connection):
    """A line to a server in this process, with a way in between.

    It does nothing by itself: `run` carries what is sent, and what is answered.

    Attributes:
        line: the good line at the end of the way.
        fate: decides what becomes of commands.
        latency: returns the seconds that one way takes.
        command_timeout: after how many seconds of silence a line is given up.
        deliver_late: brings what the line no longer can.
    """

    line: Connection
    fate: Callable[[Sequence[Command]], Fate]
    latency: Callable[[], float]
    command_timeout: float
    deliver_late: DeliverLate
    _requests: deque[_Request] = attrs.field(factory=deque, init=False)
    _answers: deque[tuple[Slot, Slot]] = attrs.field(factory=deque, init=False)
    """Each with the slot of the good line."""
    _open: deque[Slot] = attrs.field(factory=deque, init=False)
    _news: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _acted: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _life: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _dead: BaseException | None = attrs.field(default=None, init=False)
    _closed: trio.Event = attrs.field(factory=trio.Event, init=False)

    @property
    def client_id(self) -> int:
        """The number by which the server knows this line."""
        return self.line.client_id

    @property
    def protocol(self) -> int:
        """That of the good line."""
        return self.line.protocol

    def submit(self, commands: Sequence[Command], *, decode: bool = False) -> Slot:
        """Put *commands* on their way."""
        if self._dead is not None:
            raise NeverSentError(str(self._dead)) from self._dead
        _check(commands)
        slot = Slot(len(commands), decode=decode)
        # They arrive in the order in which they were sent.
        earliest = self._requests[-1].arrives_at if self._requests else 0.0
        arrives_at = max(trio.current_time() + self.latency(), earliest)
        commands = tuple(commands)
        request = _Request(commands, slot, self.fate(commands), arrives_at)
        self._requests.append(request)
        self._open.append(slot)
        self._news.unpark()
        return slot

    async def wait_closed(self) -> BaseException:
        """Return why the line went dead, once it has."""
        await self._closed.wait()
        assert self._dead is not None
        return self._dead

    def abort(self, reason: BaseException, *, is_lost: bool = False) -> None:
        """Close the line; what is on its way arrives all the same, unless *is_lost*."""
        if self._dead is not None:
            return
        self._dead = reason
        self._life.cancel()
        self._closed.set()
        left = [
            (one.arrives_at, one.commands)
            for one in self._requests
            if one.fate != "request lost"
        ]
        if left and not is_lost:
            self.deliver_late(left, is_late=False)
        self.line.abort(reason)
        for slot in self._open:
            slot.fail(reason)

    async def run(self) -> None:
        """Carry requests and replies until the line is dead."""
        with self._life:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._carry_requests)
                nursery.start_soon(self._carry_replies)

    async def _carry_requests(self) -> None:
        while True:
            while not self._requests:
                await self._news.park()
            await trio.sleep_until(self._requests[0].arrives_at)
            await self._arrive(self._requests.popleft())

    async def _arrive(self, request: _Request) -> None:
        commands, fate = request.commands, request.fate
        if fate in {"late", "twice"}:
            self.deliver_late([(request.arrives_at, commands)], is_late=True)
        if fate in {"request lost", "late"}:
            self.abort(RedisConnectionError(fate), is_lost=True)
            return
        acted = self.line.submit(commands, decode=request.slot.decode)
        if fate == "reply lost":
            self.abort(RedisConnectionError(fate), is_lost=True)
        elif fate == "silence":
            await trio.sleep(self.command_timeout + request.slot.may_take)
            self.abort(RedisTimeoutError(fate), is_lost=True)
        else:
            self._answers.append((request.slot, acted))
            self._acted.unpark()

    async def _carry_replies(self) -> None:
        while True:
            while not self._answers:
                await self._acted.park()
            slot, acted = self._answers[0]
            try:
                replies = await acted.wait()
            except RedisConnectionError as error:
                # By CLIENT KILL, say.
                self.abort(error, is_lost=True)
                return
            await trio.sleep(self.latency())
            self._answers.popleft()
            self._open.popleft()
            for reply in replies:
                slot.fill(reply)


def _check(commands: Sequence[Command]) -> None:
    """Refuse at once what the good line would refuse later."""
    parts: Iterable[Any] = chain.from_iterable(commands)
    for part in parts:
        if not isinstance(part, bytes | str | int | float) or isinstance(part, bool):
            kind = type(part).__name__
            raise DataError(f"expected bytes, str, int or float, got {kind}")
