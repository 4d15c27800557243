"""Who may talk to whom: TLS, users and passwords."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from redis.exceptions import AuthenticationError, NoPermissionError

from kiq_trio._wire.address import Address
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.script import Script
from kiq_trio.errors import ServerUnfitError
from tests.servers import RealServer
from tests.wire.clients import open_client
from tests.wire.secure import Secure

pytestmark = pytest.mark.server


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    secure = Secure(tmp_path)
    with secure.server:
        yield secure


async def _fails(url: str) -> str:
    """Return why *url* will not do, as its user is told at the start."""
    with trio.fail_after(10), pytest.raises(ServerUnfitError) as told:
        await _use(url)
    return str(told.value)


async def test_tls_with_a_known_authority_works(secure: Secure) -> None:
    async with open_client(secure.url(ca_certs=secure.ca)) as redis:
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(redis.raw, "SET", number, "x" * 10_000)
        assert await redis.dbsize() == 50
        big = b"x" * 5_000_000
        assert await redis.set("big", big)
        assert await redis.get("big") == big


async def test_an_unknown_authority_is_refused(secure: Secure) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in await _fails(secure.url())


async def test_another_host_name_is_refused_unless_told_otherwise(
    secure: Secure,
) -> None:
    wrong = secure.url("127.0.0.1", ca_certs=secure.ca)
    assert "certificate is not valid for '127.0.0.1'" in await _fails(wrong)

    unchecked = secure.url("127.0.0.1", ca_certs=secure.ca, check_hostname="no")
    async with open_client(unchecked) as redis:
        assert await redis.ping() is True
    async with open_client(secure.url("127.0.0.1", cert_reqs="none")) as redis:
        assert await redis.ping() is True


async def test_a_client_shows_its_certificate(tmp_path: Path) -> None:
    secure = Secure(tmp_path, clients="yes")
    with secure.server:
        known = secure.url(
            ca_certs=secure.ca, certfile=secure.client, keyfile=secure.client
        )
        async with open_client(known) as redis:
            assert await redis.ping() is True
        sync = RemoteServer(Address.from_url(known)).connect_sync(timeout=1)
        with sync:
            assert sync.ping() is True

        assert "CERTIFICATE_REQUIRED" in await _fails(secure.url(ca_certs=secure.ca))


async def test_old_tls_is_refused(tmp_path: Path) -> None:
    secure = Secure(tmp_path)
    secure.server.options["tls_protocols"] = "TLSv1.1"
    with secure.server:
        assert "TLS with" in await _fails(secure.url(ca_certs=secure.ca))


async def test_the_password_is_needed_and_enough() -> None:
    with RealServer(requirepass="se/cr@t") as server:
        async with open_client(server.url) as redis:
            assert await redis.ping() is True
        async with open_client(server.url + "?protocol=2") as redis:
            assert await redis.ping() is True
        sync = RemoteServer(Address.from_url(server.unix_url)).connect_sync(timeout=1)
        with sync:
            assert sync.ping() is True

        for wrong in ("redis://:wrong@127.0.0.1", "redis://127.0.0.1"):
            with pytest.raises(AuthenticationError):
                await _use(f"{wrong}:{server.port}")


async def test_a_user_may_do_what_its_rules_say() -> None:
    users = [
        "jobs on >pw ~job:* +@all -flushall",
        "narrow on >pw ~* +@all -script",
        "default off",
    ]
    with RealServer(user=users) as server:
        async with open_client(f"redis://jobs:pw@127.0.0.1:{server.port}") as redis:
            assert await redis.set("job:1", 1) is True
            assert await redis.acl_whoami() in (b"jobs", "jobs")
            with pytest.raises(NoPermissionError):
                await redis.flushall()

        with pytest.raises(ServerUnfitError, match="SCRIPT LOAD was refused"):
            await _use(
                f"redis://narrow:pw@127.0.0.1:{server.port}",
                scripts=[Script("one", "return 1")],
            )


async def test_the_database_is_chosen_and_must_exist(empty_server: RealServer) -> None:
    url = f"redis://127.0.0.1:{empty_server.port}"
    async with open_client(f"{url}/3", name="a name") as redis:
        await redis.set("a", 1)
        await redis.block(("BLPOP", "q", 0.01), timeout=0.01)
        clients = [
            (each["name"], each["db"])
            for each in await redis.client_list()
            if each["name"].startswith("a-name")
        ]
    assert clients == [("a-name", "3"), ("a-name-blocking", "3")]

    async with open_client(url) as redis:
        assert await redis.get("a") is None
    with pytest.raises(
        ServerUnfitError, match=r"SELECT 99 was refused: .*out of range"
    ):
        await _use(f"{url}/99")


async def test_the_blocking_client_is_of_the_same_place(
    empty_server: RealServer,
) -> None:
    for url in (empty_server.url, empty_server.unix_url + "&protocol=2"):
        with RemoteServer(Address.from_url(url)).connect_sync(timeout=0.5) as sync:
            assert sync.set("a", 1) is True
            assert sync.get("a") == b"1"


async def _use(url: str, **options: object) -> None:
    async with open_client(url, **options) as redis:
        await redis.ping()
