"""Discovery on this machine, with real servers: by root, and by a user who may see little."""

from __future__ import annotations

import getpass
import logging
import os
import re
import sys
from collections.abc import Iterator

import pytest

from gnomon.agent.discovery import Discovery, Offer, Service, discover, offers
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.registry import CHECKS
from gnomon.core.telemetry import Telemetry
from gnomon.testing import servers

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="servers are started on Linux only"),
    pytest.mark.xdist_group("discovery"),
]

KINDS = {
    servers.PostgreSQL: ("PostgreSQL", r"\d+"),
    servers.Redis: ("Redis", r"\d+\.\d+\.\d+"),
    servers.MariaDB: ("MariaDB", r"\d+\.\d+\.\d+"),
    servers.Memcached: ("memcached", r"\d+\.\d+\.\d+"),
    servers.Nginx: ("nginx", r"\d+\.\d+\.\d+"),
    servers.Sshd: ("OpenSSH", r"\d+\.\d+\w*"),
}


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def server(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    with request.param() as server:
        yield server


@pytest.fixture
def context() -> Context:
    return Context("test", SystemClock(), Telemetry(), logging.getLogger("test"))


def found(server: servers.Server, context: Context) -> Service:
    """The server among what runs here; looked for again while it has just come up."""
    for _ in range(10):
        services = [one for one in discover(context) if one.port == server.port]
        if [one.pid for one in services] == [server.pid]:
            break
        context.clock.sleep(0.2)
    [service] = services
    return service


def test_finds_name_version_port_and_process(server, context):
    name, version = KINDS[type(server)]
    service = found(server, context)
    assert service.name == name
    assert re.fullmatch(version, service.version)
    assert service.pid == server.pid
    assert service.address == "127.0.0.1"
    assert service.title == f"{name} {service.version} on {server.port}"


def test_finds_it_as_a_user_who_may_not_see_its_files(server, context):
    if isinstance(server, servers.Sshd):
        pytest.skip("sshd runs as this very user here")
    name, version = KINDS[type(server)]
    # Others of the same user may run; the folder has the port in its name, and so have arguments.
    with servers.acting_as("nobody"):
        service = found(server, context)
    assert (service.name, service.pid) == (name, server.pid)
    assert re.fullmatch(version, service.version)


def test_a_redis_that_asks_for_a_password_has_no_version(context):
    redis = servers.Redis()
    redis.password = "secret"
    with redis:
        service = found(redis, context)
    assert (service.name, service.version) == ("Redis", "")


# What is offered


def offer_of(server: servers.Server, given: list[Offer]) -> Offer:
    [offer] = [one for one in given if one.service.port == server.port]
    return offer


def test_a_service_without_a_check_is_named(context):
    with servers.Memcached() as server:
        offer = offer_of(server, offers(context))
    assert re.fullmatch(rf"memcached [\d.]+ on {server.port}", offer.message)
    assert (offer.check, offer.settings, offer.hint) == ("", None, "")


def test_postgresql_is_monitored_as_soon_as_its_sql_was_run(context):
    with servers.PostgreSQL() as server:
        discovery = Discovery(context)
        offer = offer_of(server, discovery.offers())
        version = offer.service.version
        assert (
            offer.message == f"PostgreSQL {version} on {server.port}: needs a login, run this SQL"
        )
        assert offer.settings is None
        assert f"psql -p {server.port}" in offer.hint
        assert f"CREATE ROLE {getpass.getuser()} LOGIN;" in offer.hint
        server.sql(offer.hint)
        again = Discovery(context)
        offer = offer_of(server, again.offers())
        full = server.sql("SHOW server_version").split()[0]
        assert offer.message == f"PostgreSQL {full} on {server.port}: monitored"
        assert offer.settings == {"host": str(server.folder), "port": server.port}
    gone = offer_of(server, again.offers())
    assert gone.settings == offer.settings
    assert gone.message.endswith("does not run any more")


def test_postgresql_that_trusts_everybody_needs_nothing(context):
    with servers.PostgreSQL() as server:
        server.sql("CREATE ROLE postgres SUPERUSER LOGIN")
        server.allow("local all all trust")
        offer = offer_of(server, offers(context))
    assert offer.settings == {
        "host": str(server.folder),
        "port": server.port,
        "username": "postgres",
    }


def test_postgresql_by_a_password_that_libpq_finds(context, monkeypatch, tmp_path):
    file = tmp_path / "pgpass"
    with servers.PostgreSQL() as server:
        file.write_text(f"127.0.0.1:{server.port}:*:gnomon:sesame\n")
        file.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(file))
        server.sql("CREATE ROLE gnomon LOGIN PASSWORD 'sesame'")
        offer = offer_of(server, offers(context))
    assert offer.settings == {"host": "127.0.0.1", "port": server.port, "username": "gnomon"}
    assert "sesame" not in repr(offer)


def test_postgresql_by_peer_as_the_user_postgres(context):
    with servers.PostgreSQL() as server:
        server.sql("CREATE ROLE postgres SUPERUSER LOGIN")
        CHECKS.load("postgres")  # imports what it needs while we may still read it
        with servers.acting_as("postgres"):
            offer = offer_of(server, offers(context))
    assert offer.settings == {"host": str(server.folder), "port": server.port}


def test_the_machine_as_it_is(context):
    """Whatever runs here: nothing breaks, nothing is there twice, and we are not among it."""
    services = discover(context)
    assert len({(one.name, one.port, one.pid, one.socket) for one in services}) == len(services)
    assert os.getpid() not in {one.pid for one in services}
