"""`kiq-trio enqueue`: a job from the command line."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from kiq_trio import encoder
from kiq_trio._wire.seam import Server
from kiq_trio.cli.connecting import Patience, Sidekiq
from kiq_trio.cli.ending import MISUSED
from kiq_trio.cli.link import Link, linked
from kiq_trio.errors import ConfigError, DecodeError, EncodeError
from kiq_trio.job import Job
from kiq_trio.kiq import Kiq

_WORDS = {"true": True, "false": False}


@linked
def enqueue(
    link: Link,
    *,
    job_class: Annotated[
        str, typer.Argument(metavar="CLASS", help="The name of its worker.")
    ],
    args: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARG]...",
            help="Its arguments, each in JSON: 42, '\"text\"', '{\"a\": 1}'.",
        ),
    ] = None,
    queue: Annotated[
        str, typer.Option("--queue", "-q", metavar="NAME", help="Where it waits.")
    ] = "default",
    in_: Annotated[
        float | None,
        typer.Option("--in", metavar="SECONDS", help="Start it so much later."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Start it then: 2027-01-31T09:00+01:00, or epoch seconds.",
        ),
    ] = None,
    retry: Annotated[
        str | None,
        typer.Option(
            "--retry", "-r", metavar="TIMES", help="How often: a number, true or false."
        ),
    ] = None,
    expires_in: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Do not start it later than that."),
    ] = None,
    unique_for: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="For so long, another one like it is not stored."
        ),
    ] = None,
    sidekiq: Sidekiq = 8,
) -> None:
    """Put a job into its queue, or into the schedule with --in or --at.

    Only its worker knows what else it should be: give here what that says of queue,
    retries and so on.
    """
    try:
        fields = {
            "class": job_class,
            "args": [_read(n, text) for n, text in enumerate(args or (), 1)],
            "queue": queue,
            **_options(retry, expires_in, unique_for),
        }
        moment = None if at is None else _read_time(at)
    except ConfigError as error:
        link.fail(str(error), code=MISUSED)

    async def put(server: Server, patience: Patience) -> Job | ConfigError:
        async with Kiq(server=False, redis_url=server, sidekiq=sidekiq) as kiq:
            try:
                return await kiq.enqueue(fields, in_=in_, at=moment)
            except (ConfigError, EncodeError) as error:
                return ConfigError(str(error))
            finally:
                patience.loss = kiq.redis.last_loss

    job = link.attend(put)
    if isinstance(job, ConfigError):
        link.fail(str(job), code=MISUSED)
    place = "schedule" if job.at is not None else f"queue:{job.queue}"
    fields = {"place": place, "at": job.at, "job": job.to_map()}
    if job.duplicate_of is None:
        link.answer(fields, job.jid)
        return
    fields |= {"place": None, "duplicate_of": job.duplicate_of}
    link.answer(fields, f"not stored: a duplicate of {job.duplicate_of}")


def _read(number: int, text: str) -> Any:
    try:
        return encoder.decode(text.encode())
    except (DecodeError, UnicodeEncodeError):
        raise ConfigError(
            f"argument {number} is not JSON: {text!r}; "
            f"text is written in quotes, {json.dumps(text)!r}"
        ) from None


def _options(
    retry: str | None, expires_in: float | None, unique_for: float | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if retry is not None:
        if retry not in _WORDS and not (retry.isascii() and retry.isdecimal()):
            raise ConfigError(f"--retry must be a number, true or false, got {retry!r}")
        fields["retry"] = _WORDS[retry] if retry in _WORDS else int(retry)
    spans = {"expires_in": expires_in, "unique_for": unique_for}
    for name, value in spans.items():
        if value is not None:
            fields[name] = int(value) if value.is_integer() else value
    return fields


def _read_time(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(
            "--at must be epoch seconds or a time with its offset from UTC, "
            f"such as 2027-01-31T09:00+01:00, got {text!r}"
        )
    return moment.timestamp()
