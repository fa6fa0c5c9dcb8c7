"""What an instance can be told, and where that leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from gnomon.core import settings
from gnomon.core.settings import Duration, Secret

SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")  # noqa: S108  # where libpq looks, too
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class Relation(settings.OpenSettings, frozen=True, kw_only=True):
    """A table, in some schemas only."""

    relation_name: str
    """Name of the table."""
    schemas: list[str] = []
    """Only in these schemas; none means all."""


class Settings(settings.OpenSettings, frozen=True, kw_only=True):
    """One server and the database to connect to. Keys are those of Datadog Agent 5."""

    host: str = "localhost"
    """Host name, address, or the folder of the unix socket (`/var/run/postgresql`).

    `localhost` without a password is the unix socket, where there is one.
    """
    port: Port = 5432
    """TCP port, and the number in the name of the unix socket."""
    username: str = ""
    """The role; "" is the one libpq takes: `PGUSER`, else the user this agent runs as."""
    user: str = ""
    """The same as `username`."""
    password: Secret = Secret("")
    """Its password; without it libpq looks into `PGPASSWORD` and `~/.pgpass`."""
    dbname: str = "postgres"
    """The database to connect to. Tables, functions and names of locked tables are those of it."""
    ssl: bool | SslMode = False
    """`true` requires TLS, `false` takes what the server offers; or a libpq `sslmode`."""
    ssl_root_cert: str = ""
    """File of certificates to trust."""
    ssl_cert: str = ""
    """File of the client's certificate."""
    ssl_key: str = ""
    """File of the client's key."""
    timeout: Duration = Duration(5)
    """For one run altogether; queries it leaves no time for are named."""
    relations: list[str | Relation] = []
    """Tables to look at in detail: names, or `{relation_name: orders, schemas: [public]}`."""
    collect_server_metrics: bool = True
    """Whether to measure the server; false for all but one of several instances of one server."""
    collect_database_size_metrics: bool = True
    """Whether to ask for the sizes of databases, once a minute."""
    collect_count_metrics: bool = True
    """Whether to count the tables of each schema, once a minute."""
    collect_activity_metrics: bool = True
    """Whether to look at sessions: by state, user and application, waiting, longest."""
    collect_function_metrics: bool = False
    """Whether to measure functions (the server's `track_functions` must be on)."""
    custom_metrics: list[dict[str, Any]] = []
    """Queries of your own: `{query, metrics, descriptors, relation}` as in Datadog Agent 5."""
    max_rows: Annotated[int, msgspec.Meta(ge=1)] = 200
    """Most rows taken from one query (databases, tables, users, applications ...)."""


class Target(NamedTuple):
    """What to connect to, in libpq's words, and how to call it."""

    host: str
    port: int
    label: str
    """`host:port`; every way to this host's own server is `localhost:port`."""

    @property
    def own_port(self) -> int:
        """The port of a server on this host, 0 for one elsewhere."""
        return self.port if self.label.startswith("localhost:") else 0


def target(of: Settings) -> Target:
    """Where an instance leads to."""
    host, port = of.host, of.port
    if Path(host).name.startswith(".s.PGSQL."):  # the path of the socket itself, as pg8000 had it
        folder, _, digits = host.rpartition("/.s.PGSQL.")
        host, port = folder, int(digits) if digits.isdigit() else port
    local = host in ("", "localhost", "127.0.0.1", "::1") or host.startswith(("/", "@"))
    if host in ("", "localhost") and not of.password.reveal():
        host = next((f for f in SOCKET_FOLDERS if Path(f, f".s.PGSQL.{port}").exists()), host)
    return Target(host or "localhost", port, f"{'localhost' if local else host}:{port}")


def tables(relations: list[str | Relation]) -> tuple[list[str], list[str]]:
    """Names that count in every schema, and names with their schema."""
    anywhere: list[str] = []
    qualified: list[str] = []
    for relation in relations:
        if isinstance(relation, str):
            anywhere.append(relation)
        elif relation.schemas:
            qualified += [f"{schema}.{relation.relation_name}" for schema in relation.schemas]
        else:
            anywhere.append(relation.relation_name)
    return anywhere, qualified
