"""`kiq-trio gen`: files to start from."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from kiq_trio.cli.answering import print_json
from kiq_trio.cli.connecting import AsJson
from kiq_trio.cli.ending import MISUSED, fail
from kiq_trio.cli.generating import (
    Name,
    read_queues,
    save,
    write_reporter,
    write_supervisor,
    write_worker,
)
from kiq_trio.config import make_config
from kiq_trio.errors import ConfigError

gen = typer.Typer(help="Write a file to start from.")

DottedName: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A dotted name: app.workers.send_welcome or SendWelcome."
    ),
]
Force: TypeAlias = Annotated[
    bool, typer.Option("--force", "-f", help="Overwrite a file that is there.")
]
Folder: TypeAlias = Annotated[
    Path,
    typer.Option("--directory", metavar="DIR", help="Where the dotted name begins."),
]
HERE = Path()


@gen.command("worker")
def worker(
    name: DottedName,
    *,
    queue: Annotated[
        str | None,
        typer.Option("--queue", "-q", metavar="NAME", help="Where its jobs wait."),
    ] = None,
    retry: Annotated[
        int | None,
        typer.Option(
            "--retry", "-r", metavar="TIMES", min=0, help="How often they are retried."
        ),
    ] = None,
    dead: Annotated[
        bool,
        typer.Option(
            "--dead/--no-dead",
            "-d",
            help="Keep a job whose retries are exhausted in the dead set.",
        ),
    ] = True,
    directory: Folder = HERE,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a worker: an async function that performs jobs."""
    try:
        read = Name.read(name)
        text = write_worker(read, queue=queue, retry=retry, dead=dead)
    except ConfigError as error:
        fail(error, code=MISUSED, as_json=as_json)
    advice = (
        f"add `{read.snake}`, from {read.module}, to the workers of your Kiq, "
        f"and enqueue: await kiq.enqueue({read.snake}.new(42))"
    )
    _write(text, directory / read.path, advice, force=force, as_json=as_json)


@gen.command("supervisor")
def supervisor(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Its module, such as app.jobs."),
    ] = None,
    *,
    module: Annotated[
        str | None,
        typer.Option("--module", "-m", metavar="NAME", help="Another way to say that."),
    ] = None,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            "--queue",
            "-q",
            metavar="NAME[=CONCURRENCY]",
            help="A queue that it works off; may be repeated.",
        ),
    ] = None,
    directory: Folder = HERE,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a supervisor: the `Kiq` that runs the jobs of your program."""
    given = name or module
    if given is None or (name and module):
        fail("give one NAME, or --module", code=MISUSED, as_json=as_json)
    try:
        read = Name.read(given, is_module=True)
        queues = read_queues(queue or ())
        make_config({"queues": queues})
    except ConfigError as error:
        fail(error, code=MISUSED, as_json=as_json)
    advice = f"add your workers to it, and run them: kiq-trio run {read.module}"
    text = write_supervisor(read, queues)
    _write(text, directory / read.path, advice, force=force, as_json=as_json)


@gen.command("reporter")
def reporter(
    name: DottedName,
    *,
    directory: Folder = HERE,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a reporter: what listens to what happens to jobs."""
    try:
        read = Name.read(name)
    except ConfigError as error:
        fail(error, code=MISUSED, as_json=as_json)
    advice = (
        f"give your Kiq one: extra_reporters=[{read.camel}()], from {read.module}; "
        "delete the handlers that you do not need"
    )
    text = write_reporter(read)
    _write(text, directory / read.path, advice, force=force, as_json=as_json)


def _write(text: str, path: Path, advice: str, *, force: bool, as_json: bool) -> None:
    try:
        save(text, path, force=force)
    except (ConfigError, OSError) as error:
        fail(str(error), as_json=as_json)
    if as_json:
        print_json({"path": str(path), "next": advice})
        return
    print(f"wrote {path}")
    print(f"next: {advice}")
