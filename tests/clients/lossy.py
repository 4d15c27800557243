"""A line to Redis that loses replies, though Redis has acted."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

ASK = b"EVAL"


class LossyLine:
    """Stands between clients and a server; *loses* is asked at every script.

    When it says so, the reply of one that was run is dropped, and the line cut.
    """

    def __init__(self, port: int, loses: Callable[[], bool]) -> None:
        self.lost = 0
        self._port = port
        self._loses = loses
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = []
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    @contextmanager
    def running(self) -> Iterator["LossyLine"]:
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield self
        finally:
            # Wakes who waits there, which `close` alone would not.
            self._listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._listener.close()

    def _serve(self) -> None:
        threads = []
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                break
            self._lines.append(line)
            threads.append(threading.Thread(target=self._carry, args=(line,)))
            threads[-1].start()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    def _carry(self, line: socket.socket) -> None:
        with line, socket.create_connection(("127.0.0.1", self._port)) as server:
            while asked := _receive(line):
                server.sendall(asked)
                is_script = ASK in asked
                # A long command comes in pieces, and Redis answers to the last.
                while is_script and not _is_answered(server):
                    server.sendall(_receive(line))
                reply = _receive(server)
                was_run = is_script and not reply.startswith(b"-NOSCRIPT")
                if was_run and self._loses():
                    self.lost += 1
                    return
                line.sendall(reply)


def _receive(line: socket.socket) -> bytes:
    try:
        return line.recv(1 << 20)
    except OSError:
        return b""


def _is_answered(server: socket.socket) -> bool:
    server.settimeout(0.02)
    try:
        return bool(server.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        server.settimeout(None)
