"""Tells whoever asks what every task of this process is waiting for."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Self

import attrs

from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._services.stacks import Branch, Spot, Work, look_at_tasks
from kiq_trio._store.dumping import write_dump
from kiq_trio._store.ordering import Order
from kiq_trio._wire.client import Redis


@attrs.frozen(kw_only=True)
class Dump:
    """What the tasks of a process were doing.

    Attributes:
        identity: of which process.
        at: when, in epoch seconds by its clock.
        tasks: its tree of tasks, each before its children.
    """

    identity: str
    at: float
    tasks: tuple[Branch, ...]

    def encode(self) -> bytes:
        """Return it as JSON."""
        # Not by our encoder, which refuses the names that a file may have.
        return json.dumps(attrs.asdict(self)).encode()

    @classmethod
    def decode(cls, text: bytes) -> Self:
        """Return what `encode` has made.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        fields = json.loads(text)
        tasks = tuple(map(_read_branch, fields["tasks"]))
        return cls(identity=fields["identity"], at=fields["at"], tasks=tasks)


@attrs.frozen
class Dumper:
    """Follows the order to tell.

    Attributes:
        redis: where the answer is left.
        lease: who we are.
        ledger: which jobs run.
        now: returns epoch seconds.
    """

    redis: Redis
    lease: Lease
    ledger: Ledger
    now: Callable[[], float]

    async def obey(self, order: Order) -> None:
        """Look at our tasks, and leave the answer for who has asked.

        Raises:
            redis.exceptions.RedisError: Redis does not take it.
        """
        identity = self.lease.identity
        tasks = tuple(look_at_tasks(self.ledger))
        dump = Dump(identity=identity, at=self.now(), tasks=tasks)
        await write_dump(self.redis, order.subject, identity, dump.encode())


def _read_branch(fields: Mapping[str, Any]) -> Branch:
    work = fields["work"]
    return Branch(
        depth=fields["depth"],
        name=fields["name"],
        stack=tuple(Spot(**spot) for spot in fields["stack"]),
        work=None if work is None else Work(**work),
    )
