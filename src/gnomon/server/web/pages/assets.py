"""The static files of the web page, held in memory, and how they are answered.

All of them together are smaller than one photograph, so they are read once at start, compressed
once and hashed once. The hash is part of every address (`/static/<version>/host.js`): a browser
may keep a file for a year and still gets the new one after an upgrade, without any build step.
Relative imports between modules stay inside the same version.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; anything else in the folder (licences) is for people who read the source."""

FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?["\']\./([\w./-]+)["\'];', re.MULTILINE)


class Asset(NamedTuple):
    """One file, ready to be sent."""

    body: bytes
    packed: bytes
    """The same, gzipped; empty where that would not be smaller."""
    media_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> Asset:
        """Compresses and hashes a body."""
        packed = gzip.compress(body, 9, mtime=0)
        digest = hashlib.blake2b(body, digest_size=12).hexdigest()
        return cls(body, packed if len(packed) < len(body) else b"", media_type, f'"{digest}"')


class Assets:
    """Every file below one folder whose type is served."""

    def __init__(self, root: Path) -> None:
        self._files = {
            path.relative_to(root).as_posix(): Asset.of(path.read_bytes(), TYPES[path.suffix])
            for path in sorted(root.rglob("*"))
            if path.suffix in TYPES
        }
        etags = "".join(asset.etag for asset in self._files.values())
        self.version = hashlib.blake2b(etags.encode(), digest_size=6).hexdigest()

    def get(self, path: str) -> Asset | None:
        """The file at a path relative to the folder, or None."""
        return self._files.get(path)

    def modules(self, entry: str) -> list[str]:
        """The module and everything it imports, so that a page can ask for all of them at once."""
        found: list[str] = []
        waiting = [entry]
        while waiting:
            path = waiting.pop(0)
            if path not in found:
                found.append(path)
                waiting += _imports(path, self._files[path].body)
        return found


def _imports(path: str, body: bytes) -> list[str]:
    folder = Path(path).parent
    return [(folder / name).as_posix() for name in _IMPORT.findall(body.decode())]


def respond(
    request: Request, asset: Asset, cache: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Answers with the asset, compressed if the client takes that, or with 304."""
    sent = {"ETag": asset.etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
    sent |= {"X-Content-Type-Options": "nosniff"} | dict(headers or {})
    if asset.etag in _etags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=sent)
    body = asset.body
    if asset.packed and "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.packed
        sent["Content-Encoding"] = "gzip"
    return Response(body, headers=sent, media_type=asset.media_type)


def _etags(header: str) -> Iterable[str]:
    """Of an If-None-Match header; a proxy that recompresses makes an etag weak (`W/`)."""
    return [part.strip().removeprefix("W/") for part in header.split(",")]
