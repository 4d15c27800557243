"""redis-py's own clients, for those who do not run on Trio."""

import ssl
from typing import Any, TypeVar

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from kiq_trio._wire.address import Address

T = TypeVar("T")


def make_sync(address: Address, *, timeout: float) -> redis.Redis:
    """Return the blocking client of *address*, which waits *timeout* s for a reply."""
    options = {**_options(address, timeout), "retry": Retry(NoBackoff(), 0)}
    if not address.sentinels:
        return redis.Redis(**_place(address), **options)
    sentinel = redis.sentinel.Sentinel(
        address.sentinels,
        sentinel_kwargs=_sentinel_options(address, options),
        **options,
    )  # type: ignore[no-untyped-call]
    primary: redis.Redis = sentinel.master_for(address.service)  # type: ignore[no-untyped-call]
    return primary


def make_asyncio(address: Address, *, timeout: float) -> redis.asyncio.Redis:
    """Return the client of *address* for asyncio; each wait takes *timeout* s at most.

    Nothing is connected yet, so no event loop need run.
    """
    retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
    options = {**_options(address, timeout), "retry": retry}
    if not address.sentinels:
        return redis.asyncio.Redis(**_place(address), **options)
    sentinel = redis.asyncio.sentinel.Sentinel(
        address.sentinels,
        sentinel_kwargs=_sentinel_options(address, options),
        **options,
    )  # type: ignore[no-untyped-call]
    primary: redis.asyncio.Redis = sentinel.master_for(address.service or "")
    return primary


def with_sentinels(client: T) -> list[T]:
    """Return *client* and those by which it asks its Sentinels: all must be closed."""
    pool: Any = getattr(client, "connection_pool", None)
    manager = getattr(pool, "sentinel_manager", None)
    return [client] if manager is None else [client, *manager.sentinels]


def _place(address: Address) -> dict[str, Any]:
    return {
        "host": address.host,
        "port": address.port,
        "unix_socket_path": address.path,
    }


def _sentinel_options(address: Address, options: dict[str, Any]) -> dict[str, Any]:
    return {
        **options,
        "db": 0,
        "username": address.sentinel_username,
        "password": address.sentinel_password,
    }


def _options(address: Address, timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "client_name": address.client_name,
        "protocol": address.protocol,
        "legacy_responses": False,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if address.tls is not None:
        options |= {
            "ssl": True,
            "ssl_ca_certs": address.tls.ca_certs,
            "ssl_certfile": address.tls.certfile,
            "ssl_keyfile": address.tls.keyfile,
            "ssl_cert_reqs": address.tls.cert_reqs,
            "ssl_check_hostname": address.tls.check_hostname,
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        }
    return options
