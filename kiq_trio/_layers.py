"""Where a `Kiq` has its options from: its class, its caller, its hook `init`.

Each layer goes before the one below it, option by option. A value is never mixed
of two, but for a URL in `client_opts`, which counts as the option `redis_url`.
"""

import difflib
import enum
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any, Final, Literal, TypeAlias

import attrs

from kiq_trio._wire.seam import Server
from kiq_trio._wire.servers import find_url, server_from_url
from kiq_trio.config import OPTIONS, Config, make_config
from kiq_trio.errors import ConfigError
from kiq_trio.timing import Timing


class Ignore(enum.Enum):
    """The type of `IGNORE`."""

    IGNORE = "ignore"

    def __repr__(self) -> str:
        return self.name


IGNORE: Final = Ignore.IGNORE
"""What `Kiq.init` returns so that nothing starts."""

Layer: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = Layer | Literal[Ignore.IGNORE]
"""What `Kiq.init` returns."""

_LIKENESS = 0.88

_ARGUMENTS = ("clock", "random", "embedded")
"""What only the constructor takes."""


@attrs.frozen
class Setup:
    """What a `Kiq` starts with.

    Attributes:
        config: its options.
        server: where its jobs are.
        address: what *server* was made from.
    """

    config: Config
    server: Server
    address: str | Server


def make_setup(options: Layer, before: Setup | None = None) -> Setup:
    """Check *options*; keep the server that was there *before*, unless it moved.

    A server in the process would else forget its jobs with each start.

    Raises:
        ConfigError: an option is unknown, or its value cannot work.
    """
    options = dict(options)
    address = _find_address(options.pop("redis_url", None))
    if before is not None and before.address == address:
        server = before.server
    else:
        server = server_from_url(address) if isinstance(address, str) else address
    if server.is_in_process:
        options.setdefault("timing", Timing.in_process())
    return Setup(make_config(options), server, address)


def check_arguments(*, clock: object, random: object, embedded: object) -> None:
    """Check what only the constructor takes.

    Raises:
        ConfigError: one cannot work.
    """
    if clock is not None and not callable(clock):
        raise ConfigError(f"clock must be a function or None, got {clock!r}")
    if not callable(random):
        raise ConfigError(f"random must be a function, got {random!r}")
    if not isinstance(embedded, bool):
        raise ConfigError(f"embedded must be True or False, got {embedded!r}")


def read_class(kiq: object, base: type) -> dict[str, Any]:
    """Return the options among the class attributes of *kiq*, those of *base* not.

    Raises:
        ConfigError: an attribute looks like an option that is misspelt.
    """
    options: dict[str, Any] = {}
    for layer in type(kiq).__mro__:
        if layer in base.__mro__:
            continue
        for name, value in vars(layer).items():
            if name in OPTIONS:
                # As Python finds it: the nearest, and a function as a method.
                options[name] = getattr(kiq, name)
            else:
                _check_innocent(layer, name, value)
    return options


def join(*layers: Layer) -> dict[str, Any]:
    """Return the options of *layers*, the last of which goes before all others.

    Raises:
        ConfigError: one names its Redis twice.
    """
    joined: dict[str, Any] = {}
    for layer in layers:
        if layer.get("redis_url") is not None and _has_url(layer):
            raise ConfigError("give redis_url or client_opts['redis_url'], not both")
        joined.update(spread(layer))
    return joined


def spread(layer: Layer) -> dict[str, Any]:
    """Return *layer* with a URL in its `client_opts` as its `redis_url`."""
    options = {
        # What can be gone through once only is needed at every start.
        name: tuple(value) if isinstance(value, Iterator) else value
        for name, value in layer.items()
        if name != "redis_url" or value is not None
    }
    if _has_url(layer):
        client = dict(layer["client_opts"])
        url = client.pop("redis_url")
        options["client_opts"] = client
        if url is not None:
            options["redis_url"] = url
    return options


def lend(options: Layer) -> dict[str, Any]:
    """Return *options* for somebody who may change them, lists and all."""
    return {
        name: copy(value) if isinstance(value, list | dict | set) else value
        for name, value in options.items()
    }


def check_answer(answer: object) -> Answer:
    """Return what an `init` returned.

    Raises:
        ConfigError: it is neither options nor `IGNORE`.
    """
    if answer is IGNORE:
        return IGNORE
    if not isinstance(answer, Mapping):
        raise ConfigError(f"init must return the options or IGNORE, got {answer!r}")
    return answer


def _has_url(layer: Layer) -> bool:
    client = layer.get("client_opts")
    return isinstance(client, Mapping) and "redis_url" in client


def _find_address(given: Any) -> str | Server:
    if given is None or isinstance(given, str):
        return find_url(given)
    if not hasattr(given, "connect_sync"):
        # Not what it says: in bytes, it may be a password all the same.
        raise ConfigError(
            f"redis_url must be a URL or a Server, got a {type(given).__name__}"
        )
    server: Server = given
    return server


def _check_innocent(layer: type, name: str, value: object) -> None:
    """Refuse an attribute that was meant for an option.

    Data only: methods, properties and classes are a subclass's own affair. So is
    what stands beside the option that it resembles.
    """
    if name in _ARGUMENTS:
        raise ConfigError(
            f"{layer.__name__}.{name} is no option, but an argument of the constructor"
        )
    if name.startswith("_") or callable(value) or hasattr(value, "__get__"):
        return
    near = difflib.get_close_matches(name, OPTIONS, n=1, cutoff=_LIKENESS)
    if near and near[0] not in vars(layer):
        raise ConfigError(
            f"{layer.__name__}.{name} is no option; did you mean {near[0]!r}? "
            f"(one that is meant to be yours may be called _{name})"
        )
