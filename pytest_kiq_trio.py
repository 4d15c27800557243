"""pytest's plugin of kiq_trio: the fixtures `kiq` and `kiq_sandbox`.

A module beside the package, since pytest imports it whenever it starts, and the
package would take a third of a second from suites that enqueue nothing.
"""

import importlib
from collections.abc import AsyncIterator
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the application's `Kiq`."""
    parser.addini(
        "kiq_trio_app",
        "where the Kiq of the fixture kiq_sandbox is, as module:attribute",
        default="",
    )


@pytest.fixture
def kiq(pytestconfig: pytest.Config) -> Any:
    """Return the application's `Kiq`, not started; override it to give your own."""
    target = pytestconfig.getini("kiq_trio_app")
    if not target:
        raise pytest.UsageError(
            "which Kiq? Set kiq_trio_app = module:attribute in pytest's options, or "
            "write a fixture called kiq that returns it"
        )
    return importlib.import_module("kiq_trio.cli.loading").load_kiq(target)


@pytest.fixture
async def kiq_sandbox(kiq: Any) -> AsyncIterator[Any]:
    """Keep the jobs of `kiq` in a `kiq_trio.testing.Sandbox`, new for each test."""
    async with kiq.sandboxed() as sandbox:
        yield sandbox
