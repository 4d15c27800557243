"""What URLs mean, and what is said about those that mean nothing."""

import pytest

from kiq_trio._wire.address import TLS, Address
from kiq_trio._wire.embedded import EmbeddedServer
from kiq_trio._wire.memory import MemoryServer
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.servers import server_from_url
from kiq_trio.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address()),
        ("redis://h", Address(host="h")),
        ("redis://[::1]:7/", Address(host="::1", port=7)),
        ("redis://h:7/3", Address(host="h", port=7, db=3)),
        ("redis://h?db=3&protocol=2", Address(host="h", db=3, protocol=2)),
        ("redis://:p%40ss@h", Address(host="h", password="p@ss")),
        ("redis://me:pw@h", Address(host="h", username="me", password="pw")),
        ("redis://h?client_name=x", Address(host="h", client_name="x")),
        ("unix:///tmp/s?db=2", Address(path="/tmp/s", db=2)),
        ("unix://me:pw@/s", Address(path="/s", username="me", password="pw")),
        ("rediss://h", Address(host="h", tls=TLS())),
        (
            "rediss://h?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k",
            Address(host="h", tls=TLS(ca_certs="/ca", certfile="/c", keyfile="/k")),
        ),
        (
            "rediss://h?ssl_cert_reqs=none&ssl_check_hostname=false",
            Address(host="h", tls=TLS(cert_reqs="none", check_hostname=False)),
        ),
    ],
)
def test_a_url_is_read(url: str, address: Address) -> None:
    assert Address.from_url(url) == address


def test_a_sentinel_url_names_the_sentinels_and_the_service() -> None:
    address = Address.from_url(
        "redis+sentinel://me:pw@a:1,b,[::1]:3/mymaster/2"
        "?sentinel_username=su&sentinel_password=sp"
    )

    assert address.sentinels == (("a", 1), ("b", 26379), ("::1", 3))
    assert (address.service, address.db) == ("mymaster", 2)
    assert (address.username, address.password) == ("me", "pw")
    assert (address.sentinel_username, address.sentinel_password) == ("su", "sp")
    assert str(address) == "redis+sentinel://a:1,b:26379,[::1]:3/mymaster/2"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://h", "scheme must be one of redis, .* got 'http'"),
        ("redis://h/x", "expected /<database>, got '/x'"),
        ("redis://h:port", "Port could not be cast"),
        ("redis://h?db=x", "Invalid value for 'db'"),
        ("redis://h?colour=red", "option must be one of .*db.* got 'colour'"),
        ("redis://h?protocol=4", "protocol must be one of 2, 3, got 4"),
        ("redis://h?ssl_ca_certs=/ca", "need rediss://"),
        ("rediss://h?ssl_cert_reqs=maybe", "none, optional, required, got 'maybe'"),
        ("unix://", "path of a socket"),
        ("redis+sentinel://a:1", "expected redis.sentinel://host:port/<service>/0"),
        ("redis+sentinel://a:1,/x", "host:port of a Sentinel, got ''"),
    ],
)
def test_a_url_that_cannot_be_read_is_refused_with_the_reason(
    url: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Address.from_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:secret@h:7/3", "redis://h:7/3"),
        ("rediss://:secret@h", "rediss://h:6379/0"),
        ("redis://:secret@[::1]", "redis://[::1]:6379/0"),
        ("unix://:secret@/s", "unix:///s?db=0"),
    ],
)
def test_passwords_are_never_shown(url: str, shown: str) -> None:
    address = Address.from_url(url)

    assert str(RemoteServer(address)) == shown
    assert "secret" not in repr(address)


def test_a_url_chooses_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")

    assert isinstance(server_from_url("memory://"), MemoryServer)
    assert isinstance(server_from_url("embedded:///tmp/x"), EmbeddedServer)
    assert str(server_from_url("redis://h")) == "redis://h:6379/0"
    assert str(server_from_url(None)) == "redis://elsewhere:6379/0"
    monkeypatch.delenv("REDIS_URL")
    assert str(server_from_url(None)) == "redis://localhost:6379/0"
    with pytest.raises(ConfigError, match="embedded, memory, got 'ftp'"):
        server_from_url("ftp://h")


def test_a_memory_server_tells_the_time_of_the_clock_it_is_given() -> None:
    assert server_from_url("memory://", clock=lambda: 5.0).clock() == 5.0


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pass/word@h:1/0",
        "redis://:pass#word@h:1/0",
        "redis://:1/pass@h:1/0",
        "rediss+sentinel://:1/pass@h:1/0",
        ":pass@h:1/0",
    ],
)
def test_an_error_shows_no_part_of_a_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        server_from_url(url)

    assert "pass" not in str(caught.value).replace("a password's", "")
