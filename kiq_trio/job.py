"""One call of a worker, as data."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import attrs

from kiq_trio import encoder
from kiq_trio._fields import (
    read_retry,
)
from kiq_trio._sayings import Sayings
from kiq_trio.errors import ConfigError, DecodeError, EncodeError

Retries = bool | int | None
"""How often a job may be retried: True for the default, a number, False never.

None, which only other writers of the queue leave behind, means: as the worker
that runs the job says.
"""

PAYLOAD_LIMIT = 1 << 20
"""Bytes of a job that are usually stored at most.

Read, a byte of JSON becomes up to 24 bytes of objects, while everything else waits.
"""


# Without slots: one is made for every job that runs, and setting eight slots of what
# is frozen takes 1 µs longer.
@attrs.frozen(kw_only=True, slots=False)
class Job(Sayings):
    """One call of a worker, as data.

    A job never changes. Whatever happens to it (it fails, it is scheduled) is
    said by making another job from it, with `set` or `attrs.evolve`.

    What every job has are attributes. Everything else that its payload says lies
    in `rest`, as it was written and in its order, so that a job of somebody
    else's survives the way through our hands (wire.md §0.1, rule 9).

    Attributes:
        job_class: the name of the worker to run.
        args: its arguments, by position.
        queue: the queue to wait in, without Sidekiq's prefix `queue:`.
        jid: its name in the whole cluster; empty until it is enqueued.
        retry: how often it may be retried.
        at: when it may start, in epoch seconds; never stored in the payload,
            since Sidekiq would move the job a second time (wire.md §2.4).
        duplicate_of: the jid of the job that kept this one out, since it is unique
            and equal; told by `enqueue`, never stored.
        rest: all other fields of the payload, under their names on the wire; also a
            `jid` or a `retry` that is not what it is read as, such as 5 or "5".
    """

    job_class: str
    args: Sequence[Any] = ()
    queue: str = "default"
    jid: str = ""
    retry: Retries = True
    at: float | None = None
    duplicate_of: str | None = None
    rest: Mapping[str, Any] = attrs.field(factory=dict)

    @classmethod
    def new(
        cls,
        *,
        class_: str | None = None,
        module: Any = None,
        args: Sequence[Any] = (),
        **fields: Any,
    ) -> "Job":
        """Make a job by the name of its class, or by its worker.

        `Job.new(class_="Mailer", args=[42])` is for workers that this program does not
        have; `Job.new(module=welcome, args=[42])` is `welcome.new(42)`.

        Args:
            class_: the name of the worker.
            module: the worker itself, or its name.
            args: the arguments, by position.
            **fields: what else its payload says, as in `set`.

        Raises:
            ConfigError: it needs exactly one of *class_* and *module*.
            TypeError: the worker does not take such arguments.
            EncodeError: one holds what JSON cannot say, and no hook makes it so.
        """
        given: Any = class_ if module is None else module
        if (class_ is None) == (module is None):
            raise ConfigError(f"give class_ or module, got {class_!r} and {module!r}")
        if isinstance(given, str) and given:
            return cls(job_class=given, args=list(args)).set(**fields)
        make = getattr(given, "new", None)
        if make is None:
            raise ConfigError(f"a job needs a worker or its name, got {given!r}")
        made: Job = make(*args)
        return made.set(**fields)

    @classmethod
    def from_map(cls, fields: Mapping[str, Any]) -> Self:
        """Make a job of a mapping such as `{"class": "Mailer", "args": [1]}`.

        Lenient where Sidekiq is, for anybody may have written it: a queue, a jid,
        a time or a number of retries that cannot be one is taken for none.

        Raises:
            DecodeError: `class` is not a name, or `args` not an array.
        """
        return cls._take(dict(fields))

    @classmethod
    def _take(cls, rest: dict[str, Any]) -> Self:
        """Make a job of *rest*, which keeps what is not an attribute."""
        job_class = rest.pop("class", None)
        args = rest.pop("args", None)
        queue = rest.pop("queue", None)
        jid = rest.pop("jid", None)
        given = rest.pop("retry", None)
        at = rest.pop("at", None)
        if type(job_class) is not str or not job_class:
            raise DecodeError(f"class is {_tell(job_class)}, not the name of a worker")
        if args is None:
            args = ()
        elif type(args) is not list and type(args) is not tuple:
            raise DecodeError(f"args is {_tell(args)}, not an array")
        retry = given if type(given) is bool else read_retry(given)
        # What is not taken as it stands is only read so, and written as it was.
        if retry is not given:
            rest["retry"] = given
        if type(jid) is not str:
            if jid is not None:
                rest["jid"] = jid
            jid = ""
        job = object.__new__(cls)
        # Past what keeps a job from changing: in a third of the time.
        own = job.__dict__
        own["job_class"] = job_class
        own["args"] = args
        own["queue"] = queue if type(queue) is str and queue else "default"
        own["jid"] = jid
        own["retry"] = retry
        own["at"] = at if isinstance(at, _NUMBERS) else None
        own["duplicate_of"] = None
        own["rest"] = rest
        return job

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a job from its payload in Redis.

        Raises:
            DecodeError: it is not JSON, not an object, or not a job.
        """
        fields = encoder.decode(payload)
        if type(fields) is not dict:
            raise DecodeError(f"a JSON {type(fields).__name__}, not an object")
        return cls._take(fields)

    def to_map(self) -> dict[str, Any]:
        """Return the fields as they are stored.

        A retry of None is left out, as it was when it was read. What others have
        written as null stays in `rest`, and is written again.
        """
        rest = self.rest
        fields: dict[str, Any] = {
            "class": self.job_class,
            "args": self.args,
            "queue": self.queue,
        }
        if self.jid:
            fields["jid"] = self.jid
        if self.retry is not None:
            fields["retry"] = self.retry
        fields |= rest
        if "retry" in rest or "jid" in rest:
            self._overrule(fields)
        return fields

    def _overrule(self, fields: dict[str, Any]) -> None:
        """Take back what `rest` says in other words, if another has been said since."""
        if "retry" in self.rest and self.retry != read_retry(self.rest["retry"]):
            fields["retry"] = self.retry
        if self.jid:
            fields["jid"] = self.jid

    def encode(self) -> bytes:
        """Return the payload to store.

        Raises:
            EncodeError: an argument is not JSON; it names which.
        """
        try:
            return encoder.encode(self.to_map())
        except EncodeError as error:
            raise EncodeError(f"{self.job_class}: {error.path}", error.reason) from None

    def set(self, **fields: Any) -> "Job":
        """Return this job with *fields* replaced; None removes one of `rest`.

        A name that is not an attribute is a field of the payload: `set(queue="low")`
        and `set(bid="b")` both do what they say.
        """
        own = {name: fields.pop(name) for name in _ATTRIBUTES & fields.keys()}
        rest = {**self.rest, **fields}
        for name in own:
            rest.pop(name, None)
        for name, value in fields.items():
            if value is None:
                del rest[name]
        return attrs.evolve(self, **own, rest=rest)


def revise(job: Job, **own: Any) -> Job:
    """Return *job* with other attributes, as `attrs.evolve` does: in 0.3 of 3 µs."""
    revised = object.__new__(type(job))
    fields = revised.__dict__
    fields |= job.__dict__
    fields |= own
    return revised


def _tell(value: Any) -> str:
    """Return what *value* is, for a log: what it says may be a secret, or long."""
    return repr(value) if value in (None, "", []) else f"of type {type(value).__name__}"


# Made once: `int | float` makes a type, and would make it for each job.
_NUMBERS = (int, float)
_ATTRIBUTES = {field.name for field in attrs.fields(Job)} - {"rest"}
