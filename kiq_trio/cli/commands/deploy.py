"""`kiq-trio deploy-mark`: a line in the charts of Sidekiq's UI."""

from typing import Annotated

import typer

from kiq_trio._wire.seam import Server
from kiq_trio.cli.connecting import Patience
from kiq_trio.cli.ending import MISUSED
from kiq_trio.cli.link import Link, linked
from kiq_trio.errors import ConfigError
from kiq_trio.kiq import Kiq


@linked
def deploy_mark(
    link: Link,
    *,
    label: Annotated[
        str, typer.Argument(metavar="LABEL", help="A version, a commit, a text.")
    ],
) -> None:
    """Mark this minute as that of a deploy, in the charts of Sidekiq's Web UI.

    The same label within a minute is marked once, however many processes ask.
    """

    async def mark(server: Server, patience: Patience) -> bool | ConfigError:
        async with Kiq(server=False, redis_url=server) as kiq:
            try:
                return await kiq.mark_deploy(label)
            except ConfigError as error:
                return error
            finally:
                patience.loss = kiq.redis.last_loss

    is_marked = link.attend(mark)
    if isinstance(is_marked, ConfigError):
        link.fail(str(is_marked), code=MISUSED)
    told = "is marked" if is_marked else "is not marked: there is a mark already"
    link.answer({"label": label, "marked": is_marked}, f"{label} {told}")
