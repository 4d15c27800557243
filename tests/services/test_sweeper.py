"""The sweeper says what keeps it from its work."""

import logging

import pytest
import trio
from trio.testing import MockClock

from kiq_trio._background import background
from kiq_trio._services.sweeper import Sweeper
from kiq_trio._wire.client import Redis
from tests.unkind import UnkindServer


async def test_an_error_that_lasts_is_logged_once_and_so_is_its_end(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.rescuer")
    await redis.raw("HSET", "kiq:backup|stray", "q.1.0", "q\n{}")
    await redis.raw("SET", "kiq:backups", "a string")
    async with background(Sweeper(redis, 60.0).run):
        await trio.sleep(600)
        assert caplog.text.count("lost backups are not looked for: WRONGTYPE") == 1

        await redis.raw("DEL", "kiq:backups")
        await trio.sleep(60)

        assert caplog.text.count("lost backups are looked for again") == 1
        assert "found jobs that stray had held" in caplog.text


async def test_an_outage_is_not_its_to_complain_of(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with background(Sweeper(redis, 60.0).run):
        unkind.go_away()
        await trio.sleep(600)
        unkind.come_back()
        await trio.sleep(60)

    assert not [one for one in caplog.records if one.levelno == logging.ERROR]
