"""Where a real Sidekiq wrote something, we write the same (wire.md §1.7, §2.5, §2.6).

The order of fields is free (§1.6), so what we write is compared by value.
"""

import json
from typing import Any

import pytest

from kiq_trio._fields import to_ms
from kiq_trio._pipeline.intake import prepare
from kiq_trio._pipeline.settlement import Circumstances, settle
from kiq_trio._store.settling import Kill, Retry
from kiq_trio._unwrapping import read_backtrace
from kiq_trio.config import Config
from kiq_trio.events import Failed
from kiq_trio.job import Job
from tests.golden.corpus import of_jid

PUSHED = of_jid("0c8a992d0910ba8b1c49e7f7")
SCHEDULED = of_jid("0fa590c58b6664a187585a68")
RETRIED = of_jid("41f594461b83d031b139c27e")
DEAD = of_jid("55e54bae4b1437ba4f74f60e")
OF_6_4_1 = of_jid("58a02b9862e0bcfe1e6be378")
DEAD_OF_6_4_1 = of_jid("70f0345e92ecc21cacfa252d")
RETRIED_OF_6_4_1 = of_jid("317278b3b41cc1db5200a718")


@pytest.mark.parametrize(
    ("payload", "sidekiq", "now"),
    [
        (PUSHED, 8, 1_795_318_226.777),
        (OF_6_4_1, 7, 1_795_318_838.2708182),
        (OF_6_4_1, 6, 1_795_318_838.2708182),
    ],
)
def test_we_push_as_sidekiq_does(payload: str, sidekiq: int, now: float) -> None:
    fields = json.loads(payload)
    given = {name: value for name, value in fields.items() if name != "enqueued_at"}

    write_time = Config(sidekiq=sidekiq).write_time
    _, entry = prepare(given, now=now, jid="", write_time=write_time)

    assert json.loads(entry.payload) == fields


def test_we_schedule_as_sidekiq_does() -> None:
    fields = json.loads(SCHEDULED)
    del fields["created_at"]

    _, entry = prepare(fields, now=1_795_318_226.7775, jid="", at=1795318286.7775772)

    assert json.loads(entry.payload) == json.loads(SCHEDULED)
    assert repr(entry.score) == "1795318286.7775772"


def fail_as_sidekiq(
    payload: str, error: Exception, now: float, sidekiq: int
) -> tuple[Retry | Kill, dict[str, Any]]:
    """Undo what the last failure wrote, and have us write it."""
    fields = json.loads(payload)
    for name in ("error_message", "error_class", "error_backtrace"):
        fields.pop(name, None)
    if fields.pop("retried_at", None) is None:
        del fields["failed_at"], fields["retry_count"]
    else:
        fields["retry_count"] -= 1
    write_time = Config(sidekiq=sidekiq).write_time
    chance = Circumstances(now=now, random=lambda: 0.0, write_time=write_time)
    settlement = settle(Job.from_map(fields), Failed(error, 0.1), chance)
    assert isinstance(settlement, Retry | Kill)
    written = json.loads(settlement.payload)
    written["error_class"] = written["error_class"].rpartition(".")[2]
    return settlement, written


class ArgumentError(Exception):
    """Named as Ruby's is, once its module is taken off."""


@pytest.mark.parametrize(
    ("payload", "error", "now", "sidekiq"),
    [
        (RETRIED, ArgumentError("boom é"), 1_795_318_268.3595, 8),
        (RETRIED_OF_6_4_1, ArgumentError("not in ruby: é <b>"), 1795649181.485094, 7),
        (RETRIED_OF_6_4_1, ArgumentError("not in ruby: é <b>"), 1795649181.485094, 6),
        (DEAD, RuntimeError("die"), 1_795_318_252.5705, 8),
        (DEAD_OF_6_4_1, RuntimeError("doomed"), 1795649172.4076524, 7),
        (DEAD_OF_6_4_1, RuntimeError("doomed"), 1795649172.4076524, 6),
    ],
)
def test_we_tell_of_a_failure_as_sidekiq_does(
    payload: str, error: Exception, now: float, sidekiq: int
) -> None:
    settlement, written = fail_as_sidekiq(payload, error, now, sidekiq)

    wanted = json.loads(payload)
    # Of their own lines each tells; both can be read.
    theirs, ours = (x.pop("error_backtrace", None) for x in (wanted, written))
    assert (read_backtrace(theirs) is None) == (read_backtrace(ours) is None)
    assert written == wanted
    assert {n: type(v) for n, v in written.items()} == {
        n: type(v) for n, v in wanted.items()
    }
    if wanted["retry"] == 0:
        assert isinstance(settlement, Kill)
        assert settlement.at == now
    else:
        # After the second failure: 1⁴ + 15 s and some chance.
        assert isinstance(settlement, Retry)
        assert settlement.at == now + 16


def test_a_failure_is_told_to_sidekiq_7_in_seconds_and_the_rest_stays() -> None:
    now = 1_795_318_252.5

    _, written = fail_as_sidekiq(DEAD, RuntimeError("die"), now, 7)

    assert written == json.loads(DEAD) | {"failed_at": now}
    assert type(written["failed_at"]) is float
    # What others have written stays as it is.
    assert written["created_at"] == to_ms(1_795_318_252.1725)
