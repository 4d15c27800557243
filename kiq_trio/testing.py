"""Testing an application that enqueues and runs jobs.

pytest gets two fixtures from the plugin `pytest_kiq_trio`, which comes along::

    async def test_a_new_user_is_welcomed(kiq_sandbox):
        await sign_up("ada@example.org")

        kiq_sandbox.assert_enqueued(welcome, args=["ada@example.org"])

Which `Kiq` that is says pytest's option `kiq_trio_app = "application.jobs:kiq"`, or
a fixture `kiq` of yours that returns it. Without pytest, `kiq.sandboxed()` is the
same as a block. A sandbox needs the extra `memory`, and so does a `FaultyServer`.
"""

from kiq_trio._sandbox.draining import Drained, EndlessDrainError
from kiq_trio._sandbox.idempotence import World, assert_idempotent
from kiq_trio._sandbox.matching import Meant
from kiq_trio._sandbox.performing import perform
from kiq_trio._sandbox.sandbox import Sandbox, Sight
from kiq_trio._wire.faulty import FaultyServer, by_chance
from kiq_trio._wire.faulty_line import Fate

__all__ = [
    "Drained",
    "EndlessDrainError",
    "Fate",
    "FaultyServer",
    "Meant",
    "Sandbox",
    "Sight",
    "World",
    "assert_idempotent",
    "by_chance",
    "perform",
]
