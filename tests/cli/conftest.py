"""An administrator with a Redis of either kind."""

import pytest

from kiq_trio._wire.address import Address
from kiq_trio._wire.memory import MemoryServer
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.seam import Server
from kiq_trio.cli import connecting
from tests.cli.administration import Admin
from tests.conftest import EPOCH
from tests.servers import RealServer


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.server)])
def admin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Admin:
    server: Server = MemoryServer(lambda: EPOCH)
    if request.param == "real":
        real: RealServer = request.getfixturevalue("real_server")
        with real.client() as client:
            client.flushall()
            client.script_flush()
        server = RemoteServer(Address.from_url(real.unix_url))
    monkeypatch.setattr(connecting, "server_from_url", lambda _url: server)
    return Admin(server)
