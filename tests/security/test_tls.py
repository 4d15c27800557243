"""TLS: nobody is trusted who does not show the right certificate (S29)."""

import logging
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trustme
from redis.exceptions import ConnectionError as RedisConnectionError

from kiq_trio import Job, Kiq, ServerUnfitError
from kiq_trio._background import open_service_nursery
from kiq_trio._wire.address import Address
from kiq_trio._wire.redispy_clients import make_sync
from kiq_trio.clients import SyncClient
from tests.servers import RealServer
from tests.wire.clients import open_client, until
from tests.wire.secure import Secure

A_JOB = Job(job_class="Mailer")


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    secure = Secure(tmp_path)
    with secure.server:
        yield secure


async def told_at_the_start(url: str) -> str:
    """Return what the user of a `Kiq` is told, once and for all."""
    with trio.fail_after(10), pytest.raises(ServerUnfitError) as told:
        async with Kiq(redis_url=url, server=False) as kiq:
            await kiq.enqueue(A_JOB)
    return str(told.value)


@pytest.mark.server
async def test_a_stranger_is_a_final_error_that_says_what_is_wrong(
    secure: Secure,
) -> None:
    """S29: an unknown authority, another host, no certificates to go by."""
    assert "CERTIFICATE_VERIFY_FAILED" in await told_at_the_start(secure.url())
    elsewhere = secure.url("127.0.0.1", ca_certs=secure.ca)
    assert "not valid for '127.0.0.1'" in await told_at_the_start(elsewhere)
    assert "no certificates can be read from /nowhere" in await told_at_the_start(
        secure.url(ca_certs="/nowhere")
    )


async def test_a_server_without_tls_is_never_spoken_to_without_it() -> None:
    """S29: no fallback; the password does not leave us."""
    heard = bytearray()

    async def answer_plainly(stream: trio.SocketStream) -> None:
        heard.extend(await stream.receive_some())
        await stream.send_all(b"-ERR unknown command\r\n")

    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    place = f"127.0.0.1:{listener.socket.getsockname()[1]}"
    async with open_service_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, answer_plainly, [listener])
        with trio.fail_after(10), pytest.raises(ServerUnfitError, match="TLS with"):
            async with open_client(f"rediss://:secret@{place}") as redis:
                await redis.ping()
    assert heard[0] == 22, "it heard a hello of TLS"
    assert b"secret" not in heard


@pytest.mark.server
async def test_a_stranger_who_comes_later_is_an_outage_like_any_other(
    secure: Secure, caplog: pytest.LogCaptureFixture
) -> None:
    """S29: a certificate that went wrong must not end a program that runs."""
    url = secure.url(ca_certs=secure.ca)
    async with open_client(url, random=lambda: 0.01) as redis:
        await redis.ping()
        secure.server.kill()
        secure.certify(trustme.CA())
        secure.server.start()
        await until(lambda: "VERIFY_FAILED" in str(redis.last_loss))
        assert redis.generation == 1

        secure.server.kill()
        secure.certify(secure.authority)
        secure.server.start()
        with trio.fail_after(10):
            assert await redis.ping() is True
    lost = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert len(lost) == 1, "an outage is told once"


@pytest.mark.server
async def test_a_wait_for_work_takes_a_stranger_for_an_outage(secure: Secure) -> None:
    """S29: the lines that block are opened later, when all was well before."""
    async with open_client(secure.url(ca_certs=secure.ca)) as redis:
        await redis.ping()
        secure.ca.write_text("no certificate at all")
        with pytest.raises(RedisConnectionError, match="no certificates can be read"):
            await redis.block(("BLPOP", "q", 0.01), timeout=0.01)


@pytest.mark.server
def test_a_client_without_trio_trusts_no_stranger_and_says_so_at_once(
    secure: Secure,
) -> None:
    """S29: nothing was sent, so nothing is in doubt either."""
    for url in (secure.url(), secure.url("127.0.0.1", ca_certs=secure.ca)):
        with (
            SyncClient(url, timeout=60) as client,
            pytest.raises(RedisConnectionError, match="VERIFY_FAILED"),
        ):
            client.enqueue(A_JOB)
    with SyncClient(secure.url(ca_certs=secure.ca)) as client:
        assert client.enqueue(A_JOB).jid


def test_redis_py_is_told_the_oldest_tls_as_well() -> None:
    """S29: TLS 1.2 at least, whatever the defaults of the day are."""
    client = make_sync(Address.from_url("rediss://localhost"), timeout=1)
    given = client.connection_pool.connection_kwargs
    assert given["ssl_min_version"] == ssl.TLSVersion.TLSv1_2
    assert given["ssl_cert_reqs"] == "required"
    assert given["ssl_check_hostname"] is True


@pytest.mark.parametrize(
    "option", ["ssl_cert_reqs=none", "ssl_check_hostname=no", "ssl_cert_reqs=optional"]
)
@pytest.mark.parametrize("rest", ["localhost/0", "localhost:1/primary/0"])
def test_not_to_look_is_warned_of(
    option: str, rest: str, caplog: pytest.LogCaptureFixture
) -> None:
    """S29: it must be spelled out, and is told in the log, without the password."""
    scheme = "rediss+sentinel" if "primary" in rest else "rediss"
    Address.from_url(f"{scheme}://:secret@{rest}?{option}")
    # OpenSSL's clients always look, even where that is called optional.
    is_warned = "certificate is not checked" in caplog.text
    assert is_warned == ("optional" not in option)
    assert "secret" not in caplog.text


def test_no_variable_of_the_environment_turns_it_off() -> None:
    """S29: there is none that we read; only the URL says whom to trust."""
    before = dict(os.environ)
    os.environ |= {"PYTHONHTTPSVERIFY": "0", "SSL_CERT_REQS": "none"}
    try:
        tls = Address.from_url("rediss://localhost").tls
    finally:
        os.environ.clear()
        os.environ |= before
    assert tls is not None
    assert tls.is_checked


@pytest.mark.server
async def test_all_sentinels_must_be_strangers_to_be_given_up(secure: Secure) -> None:
    """S29: one that is not trusted is passed over, as one that is away is."""
    strange = f"localhost:{secure.port}"
    with trio.fail_after(10), pytest.raises(ServerUnfitError, match="VERIFY_FAILED"):
        async with open_client(f"rediss+sentinel://{strange}/primary/0") as redis:
            await redis.ping()
    with RealServer() as closed:
        away = f"localhost:{closed.port}"
    url = f"rediss+sentinel://{strange},{away}/primary/0"
    async with open_client(url, random=lambda: 0.01) as redis:
        await until(lambda: redis.last_loss is not None)
        assert "no Sentinel knows" in str(redis.last_loss)
