"""What is offered, and how often a service is asked."""

import logging

import pytest

from gnomon.agent.discovery import offering as module
from gnomon.agent.discovery.model import Host, Listener, Process, Service
from gnomon.agent.discovery.offering import Discovery, propose
from gnomon.core.component import Context
from gnomon.core.errors import NeedsSetup, Retryable, SettingsError
from gnomon.core.settings import OpenSettings
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock

COMMAND = ("/usr/lib/postgresql/15/bin/postgres",)


class Checks:
    """A registry with one check, whose answers a test decides."""

    def __init__(self):
        self.answers = {}
        self.probed = []
        self.closed = 0
        registry = self

        class Check:
            class Settings(OpenSettings, frozen=True, kw_only=True):
                host: str
                port: int
                username: str = ""

            def __init__(self, settings, context):
                self.settings = settings

            def probe(self):
                key = (self.settings.host, self.settings.username)
                registry.probed.append(key)
                answer = registry.answers.get(key, NeedsSetup("no", f"SQL for {key[1]}"))
                if isinstance(answer, Exception):
                    raise answer
                return answer

            def close(self):
                registry.closed += 1

        self.kind = Check

    def names(self):
        return ["postgres"]

    def load(self, name):
        return self.kind


@pytest.fixture
def checks(monkeypatch):
    checks = Checks()
    monkeypatch.setattr(module, "CHECKS", checks)
    return checks


@pytest.fixture
def hosts(monkeypatch):
    """What is read at each look: the last host that was put in."""
    hosts = [postgres_at(5432, pid=10)]
    monkeypatch.setattr(module, "_read", lambda context: hosts[-1])
    return hosts


@pytest.fixture
def discovery(checks, hosts):
    clock = FakeClock()
    discovery = Discovery(Context("test", clock, Telemetry(), logging.getLogger("test")))
    discovery.clock = clock
    return discovery


def postgres_at(port, pid, socket="/run/postgresql/.s.PGSQL.5432"):
    listeners = [Listener("tcp", 1, "127.0.0.1", port), Listener("unix", 2, path=socket)]
    process = Process(pid, 1, "postgres", COMMAND, 101, started=float(pid))
    return Host(listeners, {1: pid, 2: pid}, {pid: process})


def test_what_answers_is_monitored_with_the_settings_that_worked(discovery, checks):
    checks.answers["127.0.0.1", "gnomon"] = "15.8"
    [offer] = discovery.offers()
    assert offer.message == "PostgreSQL 15.8 on 5432: monitored"
    assert offer.check == "postgres"
    assert offer.settings == {"host": "127.0.0.1", "port": 5432, "username": "gnomon"}
    assert checks.probed == [
        ("/run/postgresql", ""),
        ("/run/postgresql", "postgres"),
        ("127.0.0.1", "gnomon"),
    ]
    assert checks.closed == 3


def test_what_refuses_comes_with_the_first_help(discovery):
    [offer] = discovery.offers()
    assert offer.message == "PostgreSQL 15 on 5432: needs a login, run this SQL"
    assert offer.settings is None
    assert offer.hint == "SQL for "


def test_a_place_that_cannot_be_reached_is_tried_once(discovery, checks):
    for host in ("/run/postgresql", "127.0.0.1"):
        for user in ("", "gnomon", "postgres"):
            checks.answers[host, user] = Retryable(f"{host}: no answer")
    [offer] = discovery.offers()
    assert offer.message == "PostgreSQL 15 on 5432: /run/postgresql: no answer"
    assert checks.probed == [("/run/postgresql", ""), ("127.0.0.1", "gnomon")]


def test_what_is_monitored_is_not_asked_again(discovery, checks):
    checks.answers["/run/postgresql", ""] = "15.8"
    first = discovery.offers()
    discovery.clock.advance(10_000)
    assert discovery.offers() == first
    assert len(checks.probed) == 1


def test_what_refused_is_asked_each_minute_and_later_less(discovery, checks):
    looks = []
    for _ in range(30):
        before = len(checks.probed)
        discovery.offers()
        looks.append(len(checks.probed) > before)
        discovery.clock.advance(60)
    assert all(looks[:11])
    assert sum(looks[11:]) == 1
    checks.answers["/run/postgresql", ""] = "15.8"
    discovery.clock.advance(900)
    assert discovery.offers()[0].settings is not None


def test_another_process_is_asked_at_once(discovery, checks, hosts):
    discovery.offers()
    checks.answers["/run/postgresql", ""] = "16.1"
    assert discovery.offers()[0].settings is None
    hosts.append(postgres_at(5432, pid=11))
    assert discovery.offers()[0].message == "PostgreSQL 16.1 on 5432: monitored"


def test_what_was_monitored_and_is_gone_stays_so_that_its_check_tells(discovery, checks, hosts):
    checks.answers["/run/postgresql", ""] = "15.8"
    [before] = discovery.offers()
    hosts.append(Host())
    [gone] = discovery.offers()
    assert gone.settings == before.settings
    assert gone.message == "PostgreSQL 15.8 on 5432: does not run any more"
    hosts.append(postgres_at(5432, pid=12))
    assert [offer.message for offer in discovery.offers()] == [before.message]


def test_what_was_never_let_in_and_is_gone_is_forgotten(discovery, hosts):
    discovery.offers()
    hosts.append(Host())
    assert discovery.offers() == []


def test_what_a_person_configured_is_only_named(discovery, checks):
    [offer] = discovery.offers(configured={"postgres"})
    assert (offer.message, offer.check, offer.settings) == (
        *("PostgreSQL 15 on 5432", "postgres", None),
    )
    assert checks.probed == []


def test_a_service_without_a_check_is_found(discovery, hosts):
    process = Process(20, 1, "redis-server", ("redis-server",), 105)
    listener = Listener("tcp", 1, "10.0.0.1", 6379)
    hosts.append(Host([listener], {1: 20}, {20: process}))
    [offer] = discovery.offers()
    assert (offer.message, offer.check, offer.settings) == ("Redis on 6379", "", None)


def test_a_missing_driver_is_said(discovery, checks, monkeypatch):
    def load(name):
        raise SettingsError("check 'postgres' needs the Python module 'psycopg'")

    monkeypatch.setattr(checks, "load", load)
    [offer] = discovery.offers()
    assert "needs the Python module 'psycopg'" in offer.message
    assert offer.settings is None


def test_nothing_is_proposed_where_nobody_knows_how():
    assert propose(Service(name="Redis", check="redis", port=6379)) is None
