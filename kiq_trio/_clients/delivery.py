"""The way of one call's jobs to Redis.

Every destination is a lane, as in `_pipeline/buffer.py`: its batch is frozen when it
is first sent, and keeps its number until Redis has answered. So a lost reply stores
nothing twice, for as long as the call goes on.
"""

from collections.abc import Iterable, Mapping

import attrs
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MaxConnectionsError,
)

from kiq_trio._clients.clerks import Clerk
from kiq_trio._clients.patience import Patience
from kiq_trio._clients.steps import Steps, ask, is_distrust, may_pass
from kiq_trio._pipeline.entry import Entry
from kiq_trio._pipeline.lane import Lane
from kiq_trio._store.enqueueing import (
    Duplicate,
    Full,
    Refusals,
    enqueue_command,
    read_verdict,
)
from kiq_trio._wire.supervisor import OUTAGES
from kiq_trio.errors import QueueFull, UnknownOutcomeError

_MARKER_TTL = 86_400

# Connection errors by their class, but Redis has not acted, and that is certain.
_ANSWERS = (AuthenticationError, BusyLoadingError, MaxConnectionsError)


@attrs.define(eq=False)
class Delivery:
    """One call's jobs on their way.

    Attributes:
        patience: how long to try.
    """

    patience: Patience
    _lanes: list[Lane]
    _doubtful: set[Lane] = attrs.field(factory=set, init=False)
    _refusals: dict[Lane, Exception] = attrs.field(factory=dict, init=False)
    _errors: list[Exception] = attrs.field(factory=list, init=False)
    _unknown: list[str] = attrs.field(factory=list, init=False)
    _unstored: list[str] = attrs.field(factory=list, init=False)

    @classmethod
    def load(
        cls,
        entries: Iterable[Entry],
        clerk: Clerk,
        max_sizes: Mapping[str, int],
        patience: Patience,
    ) -> "Delivery":
        """Return a delivery of *entries*, which keep their order in each lane."""
        lanes: dict[str | None, Lane] = {}
        for entry in entries:
            queue = entry.queue
            if queue not in lanes:
                lanes[queue] = clerk.open_lane(queue, max_sizes.get(queue or "", 0))
            lanes[queue].waiting.append(entry)
        return cls(patience, list(lanes.values()))

    def steps(self) -> Steps[None]:
        """Store all of them, or say of which that is not so.

        What Redis will not take does not keep back the others: its error is raised
        when they are stored.

        Raises:
            QueueFull: a queue is full, and an entry may not wait, or no longer.
            UnknownOutcomeError: Redis may have stored entries, and has not said so.
            redis.exceptions.RedisError: Redis refuses entries, for good or for longer
                than we may wait.
        """
        while self._lanes:
            for lane in self._lanes:
                yield from self._send(lane)
                if lane in self._doubtful:
                    # Nor would the others reach Redis now, and each try takes time.
                    break
            self._lanes = [lane for lane in self._lanes if lane]
            if self._lanes:
                pause = self.patience.next_pause()
                if pause is None:
                    self._give_up()
                else:
                    yield pause
        if self._unknown:
            jids, unstored = tuple(self._unknown), tuple(self._unstored)
            raise UnknownOutcomeError(jids, unstored) from self._errors[0]
        if self._errors:
            raise self._errors[0]

    def _send(self, lane: Lane) -> Steps[None]:
        """Send the batches of *lane* until it is empty, or something is in the way."""
        while lane:
            command = enqueue_command(lane.freeze(), _MARKER_TTL)
            verdict = read_verdict((yield from ask(command)))
            if isinstance(verdict, Exception):
                self._failed(lane, verdict)
                return
            self._doubtful.discard(lane)
            self._refusals.pop(lane, None)
            if self._stored(lane, verdict or {}):
                return

    def _stored(self, lane: Lane, refusals: Refusals) -> bool:
        """Conclude the batch; answer whether some of it must wait for room."""
        batch = lane.finish()
        kept = [one for one in batch if not self._conclude(one, lane, refusals)]
        if len(kept) < len(batch):
            self.patience.renew()
        lane.put_back(kept)
        if kept:
            self._refusals[lane] = QueueFull(lane.queue or "", lane.max_size)
        return bool(kept)

    def _conclude(self, entry: Entry, lane: Lane, refusals: Refusals) -> bool:
        """Note what became of *entry*; False if it waits for room."""
        match refusals.get(entry.jid):
            case Full():
                if entry.may_wait:
                    return False
                self._unstored.append(entry.jid)
                self._errors.append(QueueFull(lane.queue or "", lane.max_size))
            case Duplicate(owner):
                entry.duplicate_of = owner
        return True

    def _failed(self, lane: Lane, error: Exception) -> None:
        self._refusals[lane] = error
        is_answer = isinstance(error, _ANSWERS) or is_distrust(error)
        if isinstance(error, OUTAGES) and not is_answer:
            self._doubtful.add(lane)
        if not may_pass(error):
            self._drop(lane)

    def _give_up(self) -> None:
        for lane in self._lanes:
            self._drop(lane)
        self._lanes = []

    def _drop(self, lane: Lane) -> None:
        """Try no more to store what is left of *lane*."""
        sent = [entry.jid for entry in lane.finish()]
        self._unstored.extend(entry.jid for entry in lane.waiting)
        lane.waiting.clear()
        error = self._refusals.get(lane)
        if lane in self._doubtful and error is not None:
            self._unknown.extend(sent)
            self._errors.insert(0, error)
            return
        self._unstored.extend(sent)
        # Without one, its turn never came.
        if error is not None:
            self._errors.append(error)
