"""What is said first on a new line: who we are, and whom we expect."""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from kiq_trio._wire.address import Address, clean_name
from kiq_trio._wire.mux import SocketConnection
from kiq_trio._wire.script import Script
from kiq_trio._wire.slot import Command
from kiq_trio.errors import ServerUnfitError

OLDEST = 7


async def greet(
    connection: SocketConnection,
    address: Address,
    *,
    scripts: Sequence[Script],
    name: str,
) -> None:
    """Log in, load *scripts* and check the server, in one round trip.

    A server that does not know HELLO, or not its third version, is greeted once
    more the old way and spoken to in RESP2.

    Raises:
        redis.exceptions.AuthenticationError: the password is wrong or missing.
        ServerUnfitError: too old, a cluster, a Sentinel, or closed to us.
        redis.exceptions.ConnectionError: not now; another attempt may do better.
    """
    name = address.client_name or clean_name(name)
    rest = [*_select(address), *(("SCRIPT", "LOAD", each.source) for each in scripts)]
    hello, *replies = await connection.submit(
        [_hello(address, name), *rest], decode=True
    ).wait()
    if _is_unknown(hello):
        facts, replies = await _greet_plainly(connection, address, name, rest)
    else:
        facts = _read_hello(_checked("HELLO", hello))
        connection.protocol = facts["proto"]
        connection.client_id = facts["id"]
    _check_server(facts)
    for command, reply in zip(rest, replies, strict=True):
        _checked(" ".join(str(part) for part in command[:2]), reply)


def _select(address: Address) -> list[Command]:
    return [("SELECT", address.db)] if address.db else []


def _hello(address: Address, name: str) -> Command:
    login: tuple[str, ...] = ()
    if address.password is not None:
        login = ("AUTH", address.username or "default", address.password)
    return ("HELLO", address.protocol, *login, "SETNAME", name)


def _is_unknown(reply: Any) -> bool:
    text = str(reply).lower()
    return isinstance(reply, ResponseError) and (
        "unknown command" in text or "noproto" in text
    )


async def _greet_plainly(
    connection: SocketConnection, address: Address, name: str, rest: Sequence[Command]
) -> tuple[dict[str, Any], list[Any]]:
    login: list[Command] = []
    if address.password is not None:
        user = [address.username] if address.username else []
        login = [("AUTH", *user, address.password)]
    asked: list[Command] = [
        *login,
        ("CLIENT", "SETNAME", name),
        ("CLIENT", "ID"),
        ("INFO", "server"),
        ("INFO", "replication"),
        *rest,
    ]
    replies = await connection.submit(asked, decode=True).wait()
    number = len(login)
    for command, reply in zip(asked[:number], replies, strict=False):
        _checked(str(command[0]), reply)
    client_id, server, replication = replies[number + 1 : number + 4]
    connection.protocol = 2
    connection.client_id = _checked("CLIENT ID", client_id)
    facts = {
        **read_info(_checked("INFO", server)),
        **read_info(_checked("INFO", replication)),
    }
    known = {
        "version": facts.get("redis_version", "0"),
        "mode": facts.get("redis_mode") or facts.get("server_mode", "standalone"),
        "role": facts.get("role", "master"),
    }
    return known, replies[number + 4 :]


def _read_hello(reply: Any) -> dict[str, Any]:
    match reply:
        case dict():
            facts = reply
        case list():
            facts = dict(zip(reply[::2], reply[1::2], strict=False))
        case _:
            facts = {}
    match facts:
        case {"version": str(), "mode": str(), "role": str()} if isinstance(
            facts.get("proto"), int
        ) and isinstance(facts.get("id"), int):
            return facts
    raise RedisConnectionError(f"not a greeting of Redis: {reply!r}")


def read_info(text: str) -> dict[str, str]:
    """Return the fields of a reply to INFO."""
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


def _check_server(facts: dict[str, Any]) -> None:
    version, mode = facts["version"], facts["mode"]
    if mode == "sentinel":
        raise ServerUnfitError("this is a Sentinel: use a redis+sentinel:// URL")
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) < OLDEST:
        raise ServerUnfitError(f"Redis must be {OLDEST} or newer, got {version}")
    if mode == "cluster":
        raise ServerUnfitError(
            "Redis Cluster cannot be used: Sidekiq's keys live in different slots"
        )
    if facts["role"] != "master":
        raise RedisConnectionError(f"expected a primary, got a {facts['role']}")


def _checked(what: str, reply: Any) -> Any:
    """Return *reply*, or raise it as what it means for a new connection."""
    if not isinstance(reply, Exception):
        return reply
    if isinstance(reply, AuthenticationError | RedisConnectionError):
        raise reply
    if isinstance(reply, NoPermissionError) or what.startswith("SELECT"):
        raise ServerUnfitError(f"{what} was refused: {reply}")
    raise RedisConnectionError(f"{what} was refused: {reply}")
