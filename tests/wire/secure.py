"""A real server that speaks TLS, with an authority of its own."""

from pathlib import Path

import trustme

from tests.servers import RealServer, free_port


class Secure:
    """A server that speaks TLS, and the certificates it knows."""

    def __init__(self, folder: Path, *, clients: str = "no") -> None:
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.client = folder / "client.pem"
        self.own = folder / "server.pem"
        self.authority.cert_pem.write_to_path(self.ca)
        self.certify(self.authority)
        _issue(self.authority, "client.test", self.client)
        self.port = free_port()
        self.server = RealServer(
            tls_port=self.port,
            tls_cert_file=self.own,
            tls_key_file=self.own,
            tls_ca_cert_file=self.ca,
            tls_auth_clients=clients,
        )

    def certify(self, authority: trustme.CA) -> None:
        """Have it show a certificate of *authority* when it is started next."""
        _issue(authority, "localhost", self.own)

    def url(self, host: str = "localhost", **options: object) -> str:
        query = "&".join(f"ssl_{name}={value}" for name, value in options.items())
        return f"rediss://{host}:{self.port}/0?{query}"


def _issue(authority: trustme.CA, name: str, path: Path) -> None:
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(path)
