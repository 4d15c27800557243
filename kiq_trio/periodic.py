"""Jobs that come again and again, by the clock."""

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from kiq_trio import options as of_worker
from kiq_trio._checks import suggest
from kiq_trio._fields import to_ms
from kiq_trio._plan import CatchUp, Plan
from kiq_trio.crontab import Crontab
from kiq_trio.errors import ConfigError, EncodeError
from kiq_trio.job import Job
from kiq_trio.worker import AnyWorker, FunctionWorker
from kiq_trio.worker_class import Worker, as_worker

W = TypeVar("W", bound=FunctionWorker[..., Any] | type[Worker])

_OWN = ("name", "timezone", "catch_up", "args")
_KNOWN = (
    *_OWN,
    *(name for name in of_worker.OPTIONS if name not in of_worker.OF_THE_WORKER),
)
_FORM = "a Periodic, (crontab, worker) or (crontab, worker, {option: value})"


@attrs.frozen(init=False)
class Periodic:
    """A job that is enqueued again and again, each time once in the whole cluster.

    Any number of processes may know of it, and each of them takes care of it: no
    leader is needed, and no tick is lost or doubled when one of them dies.

    Args:
        crontab: when, such as `"0 6 * * MON-FRI"`.
        worker: what to run.
        name: what the cluster knows it by. By default, it says the worker, the
            crontab and the time zone. Give one to change these and keep the memory
            of the last tick, or to have two that differ in nothing else.
        timezone: by whose clock, such as `"Europe/Berlin"`.
        catch_up: what to do about the ticks that nobody was there for: make up for
            the `"latest"` of them, for `"all"` in their order, or for so many of the
            latest (up to 100); with `"skip"`, for none that is more than a minute
            old. What was due before it was first heard of is never made up for.
        args: what to call the worker with.
        options: of the worker, for these jobs: `{"queue": "low", "retry": 1}`.

    Raises:
        ConfigError: one of them cannot work; a `CrontabError` for the crontab.

    Attributes:
        name: what the cluster knows it by.
        plan: when it is due.
        worker: what runs, with the options for it.
        job: what is enqueued, but for its jid and times.
    """

    name: str
    plan: Plan
    worker: AnyWorker
    job: Job

    def __init__(
        self,
        crontab: str | Crontab,
        worker: AnyWorker | type[Worker],
        *,
        name: str | None = None,
        timezone: str = "UTC",
        catch_up: CatchUp = "latest",
        args: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        made = as_worker(worker)
        if made is None:
            raise ConfigError(
                f"a periodic needs a worker, got {worker!r}; "
                "put @periodic(...) above @worker()"
            )
        plan = Plan(crontab, timezone, catch_up)
        name = _check_name(f"{made.name} {plan}" if name is None else name)
        try:
            special = made.set(**options) if options else made
            job = _make_job(special, args)
        except (ConfigError, EncodeError, TypeError) as error:
            raise ConfigError(f"periodic {name!r}: {error}") from error
        # Made by attrs, which pyright does not know.
        init = self.__attrs_init__  # pyright: ignore[reportAttributeAccessIssue]
        init(name, plan, special, job)

    def job_for(self, tick: int) -> Job:
        """Return the job of one tick, whose jid is the same whoever asks."""
        digest = hashlib.sha256(f"{self.name}\n{tick}".encode())
        return self.job.set(jid=digest.hexdigest()[:24], kiq_tick=to_ms(tick))

    def describe(self) -> dict[str, Any]:
        """Say what it is, for those who do not have it in their code."""
        return {
            "crontab": str(self.plan.crontab),
            "timezone": self.plan.timezone,
            "catch_up": self.plan.catch_up,
            "worker": self.worker.name,
            "queue": self.job.queue,
            "args": self.job.args,
        }


def periodic(
    crontab: str | Crontab,
    *,
    name: str | None = None,
    timezone: str = "UTC",
    catch_up: CatchUp = "latest",
    args: Sequence[Any] = (),
    **options: Any,
) -> Callable[[W], W]:
    """Let a worker run again and again, in each `Kiq` that has it among `workers`.

    It goes above `worker`, as often as there are times::

        @periodic("0 6 * * MON-FRI", timezone="Europe/Berlin")
        @worker(queue="mail")
        async def send_report() -> None: ...

    Args:
        crontab: when.
        name: as for `Periodic`, as are `timezone`, `catch_up` and `args`.
        timezone: by whose clock.
        catch_up: what to do about missed ticks.
        args: what to call the worker with.
        **options: of the worker, for these jobs.

    Raises:
        ConfigError: one of them cannot work.
    """
    own: dict[str, Any] = {
        "name": name,
        "timezone": timezone,
        "catch_up": catch_up,
        "args": args,
    }

    def decorate(worker: W) -> W:
        made = _make(crontab, worker, {**own, **options})
        again = (made.plan.crontab, {**own, **options})
        # Whoever has a function's worker as it was keeps it as it was.
        given = worker if isinstance(worker, type) else copy.copy(worker)
        special = as_worker(given)
        assert special is not None
        special.periodics = (*special.periodics, again)
        return given

    return decorate


def read_periodics(given: Iterable[Any]) -> tuple[Periodic, ...]:
    """Make periodics of what the option `periodics` of a `Kiq` was given.

    Raises:
        ConfigError: one cannot work.
    """
    return tuple(_read(f"periodics[{n}]", one) for n, one in enumerate(given))


def gather(
    periodics: Iterable[Periodic], workers: Iterable[AnyWorker]
) -> tuple[Periodic, ...]:
    """Return *periodics*, and those that *workers* were decorated with.

    Raises:
        ConfigError: two have one name.
    """
    gathered = list(periodics)
    for worker in workers:
        gathered += [_make(crontab, worker, more) for crontab, more in worker.periodics]
    names: set[str] = set()
    for one in gathered:
        if one.name in names:
            raise ConfigError(
                f"periodics: two are called {one.name!r}; give one of them a name"
            )
        names.add(one.name)
    return tuple(gathered)


def _read(place: str, given: Any) -> Periodic:
    if isinstance(given, Periodic):
        return given
    if not isinstance(given, tuple | list) or len(given) not in {2, 3}:
        raise ConfigError(f"{place} must be {_FORM}, got {given!r}")
    crontab, worker, *rest = given
    options = rest[0] if rest else {}
    if not isinstance(options, Mapping):
        raise ConfigError(f"{place} must be {_FORM}, got {given!r}")
    try:
        return _make(crontab, worker, options)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def _make(crontab: Any, worker: Any, given: Mapping[str, Any]) -> Periodic:
    for name in given:
        if name not in _KNOWN:
            raise ConfigError(
                f"unknown option {name!r} of a periodic{suggest(name, _KNOWN)} "
                f"(known: {', '.join(_KNOWN)})"
            )
    own = {name: value for name, value in given.items() if name in _OWN}
    options = {name: value for name, value in given.items() if name not in _OWN}
    return Periodic(crontab, worker, **own, options=options)


def _make_job(worker: AnyWorker, args: Any) -> Job:
    if isinstance(args, str) or not isinstance(args, Sequence):
        raise ConfigError(f"args must be a list, got {args!r}")
    job = worker.new(*args)
    job.encode()
    return job


def _check_name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigError(f"name must be text that can be printed, got {name!r}")
    return name
