"""A process tells what its tasks are doing, and is understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from kiq_trio._services.dumper import Dump, Dumper
from kiq_trio._services.stacks import Branch, Spot, Work
from kiq_trio._store.dumping import DUMP, read_dumps
from kiq_trio._store.ordering import Order
from tests.conftest import EPOCH
from tests.journey.conftest import KiqMaker, Recorder, make_kiq, memory, recorder
from tests.services.test_stacks import wait_deep

__all__ = ["make_kiq", "memory", "recorder"]

# A file's name may hold anything, what is not Unicode included.
text = st.text(st.characters(), max_size=20)
seconds = st.floats(allow_nan=False, allow_infinity=False)
branches = st.builds(
    Branch,
    depth=st.integers(0, 9),
    name=text,
    stack=st.lists(st.builds(Spot, text, st.integers(1, 99), text, text)).map(tuple),
    work=st.none()
    | st.builds(Work, jid=text, job_class=text, queue=text, running_for=seconds),
)


@given(identity=text, at=seconds, tasks=st.lists(branches).map(tuple))
def test_what_is_told_is_understood(
    identity: str, at: float, tasks: tuple[Branch, ...]
) -> None:
    dump = Dump(identity=identity, at=at, tasks=tasks)

    assert Dump.decode(dump.encode()) == dump


@pytest.mark.parametrize(
    "nonsense", [b"", b"{}", b"[]", b'{"identity": "a", "at": 1, "tasks": [{}]}']
)
def test_what_is_no_answer_is_refused(nonsense: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Dump.decode(nonsense)


async def test_a_process_answers_with_all_its_tasks(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[wait_deep], shutdown_timeout=0) as kiq:
        job = await kiq.enqueue(wait_deep.new())
        await recorder.heard("Started")
        plant = kiq._running().plant
        assert plant is not None
        identity = plant.lease.identity
        dumper = Dumper(kiq.redis, plant.lease, plant.ledger, lambda: EPOCH)
        await dumper.obey(Order(kind=DUMP, subject="token", at=EPOCH))
        answers = await read_dumps(kiq.redis, "token", [identity, "else"])

    dump = Dump.decode(answers[identity])
    assert [*answers] == [dump.identity] == [identity]
    assert dump.at == EPOCH
    works = [branch.work for branch in dump.tasks if branch.work]
    assert [work.jid for work in works] == [job.jid]
    assert dump.tasks[0].depth == 0
