"""A Redis server of the test's own, with a password, that keeps nothing."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PASSWORD = "correct-horse-battery"


class RedisServer:
    """On a free port of 127.0.0.1, that stays the same over a stop and a start."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._process = folder, None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--requirepass", PASSWORD, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[RedisServer]:
    """Run a server; without one installed skip, or fail where nothing may be skipped."""
    if shutil.which("redis-server") is None:
        words = "redis-server is not installed (Debian package redis-server)"
        pytest.fail(words) if os.environ.get("FARB_SKIP_NOTHING") else pytest.skip(words)
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
