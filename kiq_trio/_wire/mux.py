"""One line to a server, shared by any number of tasks.

How it stays in step: every submit puts its bytes and its slot at the end of two
queues, without a checkpoint in between, and the reader fills slots from the
front. A slot never leaves the line before its replies have come, whoever still
waits for them. So there are no locks, and a cancelled task disturbs nobody.

How it sends: a lone task sends from where it is. When several are at work their
commands are gathered instead, and one task sends all that the scheduler's tick
has brought in one write; that makes pipelines out of concurrency.
"""

import math
from collections import deque
from collections.abc import Sequence

import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kiq_trio._wire import _redispy
from kiq_trio._wire._redispy import INCOMPLETE, Push
from kiq_trio._wire.signs import STEP, Signs
from kiq_trio._wire.slot import Command, NeverSentError, Slot
from kiq_trio._wire.transport import Transport
from kiq_trio.errors import ServerUnfitError

# A silent line is looked at this many times before it is declared dead: a loop
# that was itself blocked then gets to read what has come meanwhile.
LOOKS = 4

# How a line may end that is more than lost.
_TOLD_AS_THEY_ARE = (RedisTimeoutError, ServerUnfitError)


class SocketConnection:
    """A `Connection` over a transport; its tasks are `run`."""

    def __init__(self, transport: Transport, *, command_timeout: float) -> None:
        self.client_id = 0
        self.protocol = 3
        self._transport = transport
        self._command_timeout = command_timeout
        self._reader = _redispy.make_reader(self._make_error)
        self._slots: deque[Slot] = deque()
        self._outbox: list[bytes] = []
        # How many slots at the end of the line have all their bytes in the outbox.
        self._unsent = 0
        self._woken = 0
        self._signs = Signs()
        self._fatal: Exception | None = None
        self._flusher: trio.lowlevel.Task | None = None
        self._scope = trio.CancelScope()
        self._closed = trio.Event()
        self._reason: BaseException | None = None

    def submit(self, commands: Sequence[Command], *, decode: bool = False) -> Slot:
        """As `Connection.submit`."""
        if self._reason is not None:
            raise NeverSentError(f"the connection is closed: {self._reason}")
        data = (
            _redispy.pack(commands[0])
            if len(commands) == 1
            else b"".join(map(_redispy.pack, commands))
        )
        slot = Slot(len(commands), decode=decode)
        if not data:
            return slot
        if self._slots or self._woken > 1:
            self._gather(data)
        else:
            self._send(data)
        self._slots.append(slot)
        return slot

    async def wait_closed(self) -> BaseException:
        """As `Connection.wait_closed`."""
        await self._closed.wait()
        assert self._reason is not None
        return self._reason

    def abort(self, reason: BaseException) -> None:
        """As `Connection.abort`."""
        if self._reason is not None:
            return
        self._reason = reason
        first_unsent = len(self._slots) - self._unsent
        for position, slot in enumerate(self._slots):
            slot.fail(_make_loss(reason, is_sent=position < first_unsent))
        self._slots.clear()
        self._outbox.clear()
        self._closed.set()
        self._scope.cancel()

    async def run(self) -> None:
        """Send and receive until the line is dead; never raises for an outage."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._flush_forever)
                    nursery.start_soon(self._read_forever)
                    nursery.start_soon(self._watch_forever)
        finally:
            self.abort(RedisConnectionError("the connection was closed by us"))
            with trio.CancelScope(shield=True):
                await self._transport.aclose()

    def _send(self, data: bytes) -> None:
        try:
            sent = self._transport.send_nowait(data)
        except OSError as error:
            self._lose(error)
            raise NeverSentError(f"the connection is closed: {error}") from error
        if sent == 0:
            self._gather(data)
        elif sent < len(data):
            self._gather(data[sent:])
            self._unsent -= 1

    def _gather(self, data: bytes) -> None:
        self._outbox.append(data)
        self._unsent += 1
        flusher, self._flusher = self._flusher, None
        if flusher is not None:
            trio.lowlevel.reschedule(flusher)

    async def _flush_forever(self) -> None:
        try:
            while True:
                while self._outbox:
                    data = b"".join(self._outbox)
                    self._outbox.clear()
                    self._unsent = 0
                    await self._send_all(data)
                self._flusher = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._stop_flusher)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._lose(error)

    async def _send_all(self, data: bytes) -> None:
        for start in range(0, len(data), STEP):
            await self._transport.send_all(data[start : start + STEP])
            self._signs.has_moved = True
        # What the system takes at once says nothing about the other end: only a
        # write that is still under way when we look is a sign of life.
        self._signs.has_moved = False

    def _stop_flusher(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._flusher = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def _read_forever(self) -> None:
        reader, receive, signs = self._reader, self._transport.receive, self._signs
        try:
            while data := await receive():
                signs.heard += len(data)
                reader.feed(data)
                self._woken = self._fill_slots()
                if self._fatal is not None:
                    self.abort(self._fatal)
            self.abort(RedisConnectionError("the server closed the connection"))
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._lose(error)
        except ServerUnfitError as error:
            self.abort(error)
        except _redispy.NONSENSE as error:
            self.abort(RedisConnectionError(f"not understood: {error!r}"))

    def _fill_slots(self) -> int:
        gets, slots, woken = self._reader.gets, self._slots, 0
        while True:
            # hiredis decodes while it reads: a reply that comes in two parts needs
            # the same flag for both, which its slot, still in front, gives.
            slot = slots[0] if slots else None
            decode = slot is not None and slot.decode
            try:
                reply = gets(decode)
            except UnicodeDecodeError as error:
                reply = error
            if reply is INCOMPLETE:
                return woken
            if type(reply) is Push:
                continue
            if slot is None:
                self._fatal = RedisConnectionError("a reply that nobody asked for")
                return woken
            woken += slot.fill(reply)
            if len(slot.replies) == slot.count:
                slots.popleft()

    def _make_error(self, text: str) -> Exception:
        error = _redispy.parse_error(text)
        if isinstance(error, ReadOnlyError | MasterDownError):
            self._fatal = RedisConnectionError(f"no longer the primary: {error}")
        return error

    async def _watch_forever(self) -> None:
        pause = self._command_timeout / LOOKS
        silent = idle = 0
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(pause)
                is_alive = self._signs.look(self._slots)
                silent = 0 if is_alive or not self._slots else silent + 1
                idle = 0 if is_alive or self._slots else idle + 1
                if silent and silent * pause >= self._patience():
                    self.abort(
                        RedisTimeoutError(f"no reply for {self._patience():g} s")
                    )
                elif idle >= LOOKS:
                    nursery.start_soon(self._probe)

    def _patience(self) -> float:
        extra = self._slots[0].may_take if self._slots else 0.0
        return self._command_timeout + (extra if math.isfinite(extra) else math.inf)

    async def _probe(self) -> None:
        """Find out whether an idle line still leads to a living primary."""
        try:
            command = ("HELLO",) if self.protocol == 3 else ("PING",)
            [reply] = await self.submit((command,)).wait()
        except RedisError:
            return
        if isinstance(reply, dict) and reply.get(b"role", b"master") != b"master":
            self.abort(RedisConnectionError("no longer the primary"))

    def _lose(self, error: Exception) -> None:
        cause = error.__cause__ or error
        self.abort(RedisConnectionError(f"connection lost: {cause}"))


def _make_loss(reason: BaseException, *, is_sent: bool) -> Exception:
    # Each waiter gets an error of its own: they grow tracebacks.
    if not is_sent:
        return NeverSentError(str(reason))
    kind = type(reason) if isinstance(reason, _TOLD_AS_THEY_ARE) else None
    error = (kind or RedisConnectionError)(str(reason))
    error.__cause__ = reason
    return error
