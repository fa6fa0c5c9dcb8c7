"""Starts Gnomon itself for tests, as its users do: the command, a settings file, a data folder.

::

    with processes.GnomonServer(api_keys=["correct-horse"]) as server:
        server.request("POST", "/api/v1/import", body, {"X-API-Key": "correct-horse"})

The data folder outlives `stop` and `kill`, so `start` may be called again.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gnomon.core.errors import GnomonError
from gnomon.testing.servers import Server
from gnomon.transport.http_client import HttpClient, Response, Tls


class GnomonServer(Server):
    """`gnomon server`; keyword arguments are its settings."""

    program = "python3"
    package = "python3"

    def __init__(self, tls: Tls | None = None, **settings: Any) -> None:
        """`tls`: how the client checks the server's certificate, where it has one."""
        super().__init__()
        self.executable = sys.executable
        self.account = None  # whoever runs the tests can read the program; others may not
        self.settings = settings
        self.client = HttpClient(timeout=30.0, tls=tls, largest_answer=1 << 30)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{'https' if self.settings.get('tls') else 'http'}://{self.address}:{self.port}"

    def prepare(self) -> None:
        """See `Server`."""
        self.write("server.yaml", yaml.safe_dump(self.settings))

    def command(self) -> list[str]:
        """See `Server`."""
        words = [self.executable, "-m", "gnomon", "server", "--data", str(self.data)]
        words += ["--config", str(self.folder / "server.yaml")]
        return [*words, "--listen", f"{self.address}:{self.port}"]

    def answers(self) -> bool:
        """See `Server`."""
        with contextlib.suppress(GnomonError):
            return self.request("GET", "/-/ready").status == 200
        return False

    def close(self) -> None:
        """See `Server`."""
        super().close()
        self.client.close()

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """One request; raises `Retryable` when no answer comes."""
        return self.client.request(method, self.url + path, body, headers)

    def status(self) -> dict[str, Any]:
        """What `/api/v1/status` says."""
        return msgspec.json.decode(self.request("GET", "/api/v1/status").body, type=dict[str, Any])

    def counted(self, name: str) -> float:
        """The sum of a self-metric over its label sets."""
        metrics: dict[str, float | None] = self.status()["metrics"]
        return sum(v or 0.0 for k, v in metrics.items() if k.partition("{")[0] == name)
