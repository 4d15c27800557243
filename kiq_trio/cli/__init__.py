"""The command `kiq-trio`, with the extra `cli`."""

import sys

try:
    from kiq_trio.cli.app import main
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] not in {"rich", "typer"}:
        raise

    def main() -> None:
        """Say what is missing."""
        sys.exit("kiq-trio needs more than the library: pip install 'kiq-trio[cli]'")


__all__ = ["main"]
