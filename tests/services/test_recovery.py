"""A job of a dead process comes back; one that kills processes does not for ever."""

import json

from kiq_trio._services.recovery import PATIENCE, recover
from kiq_trio._store.burying import Held
from kiq_trio.job import Job

NOW = 1_795_318_226.0
HOUR = 3600.0


def held(payload: bytes, queue: str = "default", *, is_suspected: bool = True) -> Held:
    raw = queue.encode() + b"\n" + payload
    return Held("q.1.0", queue, payload, raw, is_suspected)


def test_a_recovered_job_is_stamped_and_otherwise_unchanged() -> None:
    job = Job(job_class="A", args=[1], jid="1", rest={"bid": "b"})

    rescued = recover(held(job.encode()), NOW)

    assert not rescued.to_dead
    assert Job.decode(rescued.payload) == job.set(kiq_recovered=[int(NOW * 1000)])


def test_the_third_recovery_within_three_days_is_the_last() -> None:
    payload = Job(job_class="A", jid="1").encode()
    for hours in (0, 30):
        rescued = recover(held(payload), NOW + hours * HOUR)
        assert not rescued.to_dead
        payload = rescued.payload

    last = recover(held(payload), NOW + 71 * HOUR)

    assert last.to_dead
    assert "died under it 3 times" in json.loads(last.payload)["error_message"]


def test_who_was_not_suspected_is_not_to_blame_until_patience_ends() -> None:
    payload = Job(job_class="A", jid="1").encode()
    for _ in range(PATIENCE - 1):
        rescued = recover(held(payload, is_suspected=False), NOW)
        assert not rescued.to_dead
        payload = rescued.payload

    assert recover(held(payload, is_suspected=False), NOW).to_dead


def test_old_recoveries_are_forgiven() -> None:
    payload = Job(job_class="A", jid="1").encode()
    for days in range(0, 40, 2):
        rescued = recover(held(payload), NOW + days * 24 * HOUR)
        payload = rescued.payload
        assert not rescued.to_dead


def test_what_is_no_job_goes_back_as_it_was_to_be_buried_by_a_consumer() -> None:
    rescued = recover(held(b"not json"), NOW)

    assert (rescued.payload, rescued.to_dead) == (b"not json", False)


def test_what_belongs_to_no_queue_goes_to_the_dead_set() -> None:
    rescued = recover(held(b'{"class":"A"}', queue=""), NOW)

    assert rescued.to_dead
    # With what Sidekiq's page of it wants (wire.md §8.2).
    assert json.loads(rescued.payload) == {
        "class": "A",
        "queue": "default",
        "failed_at": int(NOW * 1000),
    }
    assert recover(held(b"junk", queue=""), NOW).payload == b"junk"
