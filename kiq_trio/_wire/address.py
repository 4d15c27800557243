"""Where a Redis is, and how to be let in."""

import logging
import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

import attrs

from kiq_trio._wire import _redispy
from kiq_trio.errors import ConfigError

HostPort = tuple[str, int]

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379
_ESCAPES = "; a password's / ? # @ are written %2F %3F %23 %40"
_logger = logging.getLogger("kiq_trio.redis")
_CERT_REQS = ("none", "optional", "required")


def clean_name(name: str) -> str:
    """Return *name* as that of a connection; Redis refuses what is not ASCII in it."""
    return re.sub(r"[^!-~]+", "-", name)


@attrs.frozen
class TLS:
    """Whom to trust, and how to be trusted; by default as a browser does."""

    ca_certs: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    cert_reqs: str = "required"
    check_hostname: bool = True

    @property
    def is_checked(self) -> bool:
        """Whether nobody but the server that we mean is trusted."""
        return self.check_hostname and self.cert_reqs != "none"


@attrs.frozen(kw_only=True)
class Address:
    """What a Redis URL says, checked.

    With `sentinels`, `host` and `port` mean nothing: the Sentinels know where
    the primary of `service` is.
    """

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    protocol: int = 3
    client_name: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(clean_name)
    )
    tls: TLS | None = None
    sentinels: tuple[HostPort, ...] = ()
    service: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def from_url(cls, url: str) -> "Address":
        """Read *url*, with redis-py's options in its query.

        Raises:
            ConfigError: naming the part that cannot be read.
        """
        try:
            address = _read(url)
        except ConfigError:
            raise
        except ValueError as error:
            # What is quoted there may be the half of a password with a / in it.
            what = str(error).partition(" as ")[0]
            raise ConfigError(f"Redis URL: {what}{_ESCAPES}") from None
        if address.tls is not None and not address.tls.is_checked:
            _logger.warning(
                "%s: the certificate is not checked, as its URL says: whoever is on "
                "the way can read and change everything",
                address,
            )
        return address

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix://{self.path}?db={self.db}"
        scheme = "rediss" if self.tls else "redis"
        if self.sentinels:
            hosts = ",".join(_join(*each) for each in self.sentinels)
            return f"{scheme}+sentinel://{hosts}/{self.service}/{self.db}"
        return f"{scheme}://{_join(self.host, self.port)}/{self.db}"


def _read(url: str) -> Address:
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ConfigError(_unknown("scheme", parts.scheme, SCHEMES))
    if parts.scheme.endswith("+sentinel"):
        return _sentinel_address(parts)
    return _checked(parts, _redispy.parse_url(url))


def _checked(parts: SplitResult, options: dict[str, Any]) -> Address:
    secure = parts.scheme.startswith("rediss")
    tls = {name.removeprefix("ssl_"): options.pop(name) for name in _tls_names(options)}
    if tls and not secure:
        raise ConfigError(f"Redis URL: ssl_ options need rediss://, got {parts.scheme}")
    if tls.get("cert_reqs", "none") not in _CERT_REQS:
        raise ConfigError(_unknown("ssl_cert_reqs", tls["cert_reqs"], _CERT_REQS))
    known = {field.name for field in attrs.fields(Address)}
    for name in options:
        if name not in known:
            raise ConfigError(_unknown("option", name, sorted(known)))
    if parts.scheme != "unix" and not _says_db(parts.path):
        got = _ESCAPES if "@" in parts.path else f", got {parts.path!r}"
        raise ConfigError(f"Redis URL: expected /<database>{got}")
    if options.get("protocol", 3) not in {2, 3}:
        raise ConfigError(_unknown("protocol", options["protocol"], (2, 3)))
    if parts.scheme == "unix" and not options.get("path"):
        raise ConfigError("Redis URL: unix:// needs the path of a socket")
    return Address(tls=TLS(**tls) if secure else None, **options)


def _tls_names(options: dict[str, Any]) -> list[str]:
    known = {f"ssl_{field.name}" for field in attrs.fields(TLS)}
    return [name for name in options if name in known]


def _says_db(path: str) -> bool:
    database = path.strip("/")
    return not database or database.isdecimal()


def _sentinel_address(parts: SplitResult) -> Address:
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ConfigError("Redis URL: expected redis+sentinel://host:port/<service>/0")
    # redis-py has no such scheme: it reads the rest as if of a single server.
    scheme = parts.scheme.removesuffix("+sentinel")
    plain = f"{scheme}://{credentials}{'@' if credentials else ''}sentinel/{database}"
    single = urlsplit(f"{plain}?{parts.query}" if parts.query else plain)
    address = _checked(single, _redispy.parse_url(single.geturl()))
    sentinels = tuple(_host_port(each) for each in hosts.split(","))
    return attrs.evolve(address, sentinels=sentinels, service=service)


def _host_port(text: str) -> HostPort:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ConfigError(f"Redis URL: expected host:port of a Sentinel, got {text!r}")
    return parts.hostname, parts.port or SENTINEL_PORT


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unknown(what: str, got: object, allowed: Any) -> str:
    names = ", ".join(str(each) for each in allowed)
    return f"Redis URL: {what} must be one of {names}, got {got!r}"
