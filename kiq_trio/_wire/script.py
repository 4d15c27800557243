"""A Lua script and the command that runs it."""

import hashlib
from collections.abc import Sequence

import attrs

from kiq_trio._wire.slot import Argument, Command


def _sha1(script: "Script") -> str:
    # Redis names scripts by their SHA-1; nothing is kept safe by it.
    return hashlib.sha1(script.source.encode(), usedforsecurity=False).hexdigest()


@attrs.frozen
class Script:
    """A script that every connection loads when it opens.

    It is run by its hash. When the server has forgotten it (`SCRIPT FLUSH`, a
    restart), the client sends its text instead, so callers never notice.
    """

    name: str
    source: str
    sha: str = attrs.field(
        init=False, default=attrs.Factory(_sha1, takes_self=True), repr=False
    )

    def __call__(self, keys: Sequence[Argument], args: Sequence[Argument]) -> Command:
        """Return the command that runs this script."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)
