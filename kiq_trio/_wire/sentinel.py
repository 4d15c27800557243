"""Asks Sentinels where the primary is, and whether it still is."""

import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from kiq_trio._wire.address import Address, HostPort
from kiq_trio._wire.line import open_line
from kiq_trio._wire.seam import Connection
from kiq_trio._wire.slot import Command
from kiq_trio._wire.transport import open_transport
from kiq_trio.errors import ServerUnfitError


async def find_primary(
    address: Address, sentinels: list[HostPort], *, command_timeout: float
) -> HostPort:
    """Return where the primary of *address* is, as the first Sentinel says.

    The one that answered moves to the front of *sentinels*: it is asked first
    the next time.

    Raises:
        redis.exceptions.ConnectionError: none of them knows.
        ServerUnfitError: with none of them we can agree on TLS.
    """
    complaints = []
    kinds = set()
    for place in tuple(sentinels):
        try:
            primary = await _ask(address, place, command_timeout / len(sentinels))
        except (OSError, RedisError, ServerUnfitError) as error:
            kinds.add(type(error))
            complaints.append(f"{place[0]}:{place[1]}: {error}")
        else:
            sentinels.remove(place)
            sentinels.insert(0, place)
            return primary
    is_final = kinds == {ServerUnfitError}
    raise (ServerUnfitError if is_final else RedisConnectionError)(
        f"no Sentinel knows the primary of {address.service!r}: "
        + "; ".join(complaints)
    )


async def leave_deposed(
    connection: Connection,
    address: Address,
    primary: HostPort,
    sentinels: list[HostPort],
    *,
    command_timeout: float,
) -> None:
    """End *connection* once the Sentinels name another primary than its own.

    One that comes back after a failover, or was cut off from nobody but the Sentinels,
    takes itself for the primary until they get hold of it, some ten seconds later; all
    that it acknowledges until then is thrown away. So they are asked twice in a
    *command_timeout*. While none of them answers, the line is as good as it was.
    """
    named = primary
    while named == primary:
        await trio.sleep(command_timeout / 2)
        try:
            named = await find_primary(
                address, sentinels, command_timeout=command_timeout / 2
            )
        except (RedisError, ServerUnfitError):
            continue
    connection.abort(
        RedisConnectionError(
            f"the Sentinels name another primary: {named[0]}:{named[1]}"
        )
    )


async def _ask(address: Address, place: HostPort, timeout: float) -> HostPort:
    answer = None
    with trio.move_on_after(timeout) as scope:
        transport = await open_transport(address, place)
        async with open_line(transport, command_timeout=timeout) as connection:
            replies = await connection.submit(_question(address), decode=True).wait()
        answer = replies[-1]
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
    if scope.cancelled_caught:
        raise RedisConnectionError(f"no answer within {timeout:g} s")
    match answer:
        case [str(host), str(port)] if port.isdecimal():
            return host, int(port)
        case None:
            raise RedisConnectionError("does not know it")
    raise RedisConnectionError(f"not an answer of a Sentinel: {answer!r}")


def _question(address: Address) -> list[Command]:
    service = address.service or ""
    question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
    if address.sentinel_password is None:
        return [question]
    user = [address.sentinel_username] if address.sentinel_username else []
    return [("AUTH", *user, address.sentinel_password), question]
