import subprocess
import sys

import pytest

CODE = """
import sys
sys.modules[{missing!r}] = None
from kiq_trio.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["typer", "rich.console"])
def test_without_the_extra_the_command_says_what_to_install(missing: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(missing=missing)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "kiq-trio needs more than the library: pip install 'kiq-trio[cli]'\n"
    )
