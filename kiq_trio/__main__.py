"""`python -m kiq_trio` is `kiq-trio`."""

from kiq_trio.cli import main

main()
