import pytest

from kiq_trio._store.browsing import Placed
from kiq_trio._store.finding import Wanted, find, find_one
from kiq_trio._wire.client import Redis
from tests.store.chores import lie_in, payload, wait_in


@pytest.mark.parametrize(
    ("wanted", "jids"),
    [
        (Wanted(jid="b"), ["b"]),
        (Wanted(jid="a/b"), ["a/b"]),
        (Wanted(job_class="Report"), ["b", "c"]),
        (Wanted(job_class="Report", jid="a"), []),
        (Wanted(queue="mail"), ["a", "b", "a/b"]),
        (Wanted(), ["a", "b", "c", "a/b"]),
    ],
)
async def test_jobs_are_found_by_what_they_are(
    redis: Redis, wanted: Wanted, jids: list[str]
) -> None:
    wrapped = payload("c", "Sidekiq::ActiveJob::Wrapper", wrapped="Report", queue="low")
    jobs = (payload("a"), payload("b", "Report"), wrapped, payload("a/b"))
    await lie_in(redis, "retry", *jobs, b"nonsense")

    found = await find(redis, ["schedule", "retry"], wanted)

    assert [one.job.jid for one in found if one.job] == jids


async def test_a_job_is_of_the_queue_that_it_waits_in(redis: Redis) -> None:
    await wait_in(redis, "post", payload("a", queue="mail"))

    assert await find(redis, ["queue:post"], Wanted(queue="mail")) == []
    (found,) = await find(redis, ["queue:post"], Wanted(queue="post"))

    assert found == Placed("queue:post", payload("a", queue="mail"))


@pytest.mark.parametrize("place", ["queue:mail", "dead"])
async def test_one_job_is_found_without_looking_at_those_behind(
    redis: Redis, place: str
) -> None:
    jobs = [payload(str(n)) for n in range(450)]
    await wait_in(redis, "mail", *jobs)
    await lie_in(redis, "dead", *jobs)

    found = await find_one(redis, place, Wanted(jid="7"))

    assert found is not None
    assert found.payload == payload("7")
    assert await find_one(redis, place, Wanted(jid="no")) is None
