"""A primary, its replicas, and Sentinels that watch them: all of them real."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Self

from tests.faults.durable import DurableServer
from tests.faults.waiting import wait_until
from tests.servers import RealServer

SERVICE = "jobs"
DOWN_AFTER = 0.5
"""Seconds after which a Sentinel takes a silent primary for dead."""
FILLER = 16 << 20
"""More bytes than the system keeps between two servers that are connected."""


class Cluster:
    """Servers of one service; options are those of redis.conf, as for `RealServer`.

    Attributes:
        primary: the first one.
        replicas: the others.
        sentinels: those who choose another primary.
    """

    def __init__(self, *, replicas: int, sentinels: int = 1, **options: Any) -> None:
        self._stack = ExitStack()
        quick = {"repl_diskless_sync_delay": 0, "appendfsync": "everysec", **options}
        self.primary = DurableServer(**quick)
        self._quick = quick
        self._counts = replicas, sentinels
        self.replicas: list[DurableServer] = []
        self.sentinels: list[RealServer] = []

    @property
    def url(self) -> str:
        """What a client is given."""
        places = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{places}/{SERVICE}/0"

    @property
    def servers(self) -> list[DurableServer]:
        return [self.primary, *self.replicas]

    def chosen(self) -> DurableServer:
        """Return the primary that the first Sentinel names."""
        with self.sentinels[0].client(decode_responses=True) as asked:
            place: Any = asked.sentinel_get_master_addr_by_name(SERVICE)
        return next(each for each in self.servers if each.port == int(place[1]))

    def wait_failed_over(self) -> DurableServer:
        """Wait until another server than the first is the primary, and return it."""
        wait_until(lambda: self.chosen() is not self.primary, timeout=30)
        return self.chosen()

    def stop_replicas(self) -> None:
        """Let the replicas stand still: from here on they get nothing.

        The system would keep what the primary sends them, and hand it over even when
        the primary is dead. So it is filled up.
        """
        for replica in self.replicas:
            replica.pause()
        with self.primary.client() as client:
            client.set("filler", b"x" * FILLER)

    def resume_replicas(self) -> None:
        for replica in self.replicas:
            replica.resume()

    def __enter__(self) -> Self:
        replicas, sentinels = self._counts
        try:
            self._stack.enter_context(self.primary)
            follow = f"127.0.0.1 {self.primary.port}"
            for _ in range(replicas):
                server = DurableServer(replicaof=follow, **self._quick)
                self.replicas.append(self._stack.enter_context(server))
            for replica in self.replicas:
                wait_until(partial(is_in_step, replica))
            watched = _watched(self.primary, quorum=sentinels // 2 + 1)
            for _ in range(sentinels):
                sentinel = RealServer(mode="--sentinel", sentinel=watched)
                self.sentinels.append(self._stack.enter_context(sentinel))
            for sentinel in self.sentinels:
                wait_until(partial(knows, sentinel, replicas, sentinels - 1))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def is_in_step(replica: RealServer) -> bool:
    with replica.client() as client:
        return bool(client.info("replication").get("master_link_status") == "up")


def knows(sentinel: RealServer, replicas: int, others: int) -> bool:
    """Whether a Sentinel has heard of all replicas and of all other Sentinels."""
    with sentinel.client(decode_responses=True) as client:
        state: Any = client.sentinel_master(SERVICE)
        return (state["num-slaves"], state["num-other-sentinels"]) == (replicas, others)


def _watched(primary: RealServer, *, quorum: int) -> Sequence[str]:
    return [
        f"monitor {SERVICE} 127.0.0.1 {primary.port} {quorum}",
        f"down-after-milliseconds {SERVICE} {DOWN_AFTER * 1000:.0f}",
        f"failover-timeout {SERVICE} 3000",
        f"parallel-syncs {SERVICE} 5",
    ]
