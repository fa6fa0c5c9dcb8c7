"""The PostgreSQL check against real servers: what it sees, and what it says when it may not."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Self

import psycopg
import pytest

from gnomon.agent.sources.checks.postgres import METRICS, Postgres, Settings
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.errors import NeedsSetup, Permanent, Retryable
from gnomon.core.model import Status
from gnomon.core.settings import Located, build
from gnomon.core.telemetry import Telemetry
from gnomon.testing import servers
from gnomon.testing.output import RecordingOutput

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="servers are started on Linux only"),
    pytest.mark.xdist_group("postgres"),
]

SECRET = "hunter2-Zq8"


@pytest.fixture(scope="module")
def server() -> Iterator[servers.PostgreSQL]:
    with servers.PostgreSQL() as server:
        furnish(server)
        yield server


@pytest.fixture(autouse=True)
def nobody_left(request: pytest.FixtureRequest) -> None:
    """Each test begins when the sessions of the one before are gone."""
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        ours = "usename <> 'owner' OR application_name = 'gnomon'"
        wait_until(lambda: server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE {ours}") == "0")


@pytest.fixture(
    scope="module",
    params=servers.postgresql_folders() or [None],
    ids=lambda folder: str(folder).strip("/").replace("/", "-"),
)
def any_server(request: pytest.FixtureRequest) -> Iterator[servers.PostgreSQL]:
    """Each version that is installed."""
    with servers.PostgreSQL(request.param) as server:
        furnish(server)
        yield server


def furnish(server: servers.PostgreSQL) -> None:
    server.sql(
        "CREATE DATABASE shop",
        "CREATE ROLE teller LOGIN",
        f"CREATE ROLE gnomon LOGIN PASSWORD '{SECRET}'",
        "CREATE ROLE watcher LOGIN",
    )
    server.sql(
        "CREATE TABLE orders (id int PRIMARY KEY, item text)",
        "INSERT INTO orders SELECT n, 'shoe' FROM generate_series(1, 500) n",
        "GRANT ALL ON orders TO teller",
        database="shop",
    )
    server.allow(
        "local all teller,watcher trust",
        "host all gnomon 127.0.0.1/32 md5",
        "local all all peer",
    )


class Probe:
    """A check and its output, run by hand."""

    def __init__(self, server: servers.PostgreSQL, **settings: object) -> None:
        data = {"host": str(server.folder), "port": server.port, "username": "owner", **settings}
        context = Context("test", SystemClock(), Telemetry(), logging.getLogger("test"))
        self.telemetry = context.telemetry
        self.check = Postgres(build(Located(data), Settings), context)
        self.out = RecordingOutput()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.check.close()

    def run(self, times: int = 1) -> RecordingOutput:
        for turn in range(times):
            if turn:
                time.sleep(0.05)
            self.out.begin(time.time_ns() // 1_000_000, time.monotonic())
            self.check.collect(self.out)
        return self.out


def client(server: servers.PostgreSQL, user: str = "teller", **more: object) -> psycopg.Connection:
    return psycopg.connect(
        host=str(server.folder), port=server.port, user=user, dbname="shop", **more
    )


def wait_until(true: object, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


def labels(server: servers.PostgreSQL) -> dict[str, str]:
    return {"server": f"localhost:{server.port}"}


def test_every_query_answers_on_every_version(any_server):
    with Probe(
        any_server,
        dbname="shop",
        relations=["orders"],
        collect_function_metrics=True,
    ) as probe:
        batch = probe.run(2).batch
    declared = {metric.name: metric for metric in METRICS}
    found = {sample.series.name: sample for sample in batch}
    for name in found.keys() - {"service_check"}:
        assert found[name].series.metric == declared[name]
    wanted = {
        *("postgresql.up", "postgresql.uptime", "postgresql.version", "postgresql.in_recovery"),
        *("postgresql.connections", "postgresql.commits", "postgresql.rows_inserted"),
        *("postgresql.database_size", "postgresql.rows_fetched", "postgresql.deadlocks"),
        *("postgresql.max_connections", "postgresql.percent_usage_connections"),
        *("postgresql.bgwriter.checkpoints_timed", "postgresql.bgwriter.write_time"),
        *("postgresql.wal.bytes", "postgresql.locks.waiting_sessions", "postgresql.xid_age"),
        *("postgresql.connections.by_state", "postgresql.longest_transaction"),
        *("postgresql.seq_scans", "postgresql.total_size", "postgresql.table.count"),
        *("postgresql.prepared_transactions", "postgresql.replication.standbys"),
    }
    assert wanted <= found.keys()


def test_counts_what_clients_do(server):
    with Probe(server, dbname="shop", relations=["orders"]) as probe:
        probe.run()
        with client(server) as one:  # what a session did is counted when it ends, at the latest
            one.execute("UPDATE orders SET item = 'boot' WHERE id <= 100")
            one.commit()
        wait_until(lambda: (probe.run().value("postgresql.rows_updated", table="orders") or 0) > 0)
        out = probe.out
        assert out.value("postgresql.live_rows", table="orders") == 500
        assert out.value("postgresql.database_size", db="shop") > 1_000_000
        assert out.value("postgresql.db.count") == 2
        assert out.value("postgresql.table.count", schema="public") == 1
        wait_until(lambda: probe.run().value("postgresql.connections", db="shop") == 1)
        share = "postgresql.cache_hit_ratio"
        wait_until(lambda: 0 < (probe.run().value(share, db="shop") or 0) <= 1)


def test_sees_states_waits_and_locks(server):
    with Probe(server, dbname="shop") as probe:
        with client(server) as holder, client(server) as waiter:
            holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            waiting = threading.Thread(
                target=lambda: waiter.execute("SELECT count(*) FROM orders").fetchall()
            )
            waiting.start()
            wait_until(lambda: probe.run().value("postgresql.locks.waiting_sessions") == 1)
            out = probe.run()
            holder.rollback()
            waiting.join(10)
        by_state = "postgresql.connections.by_state"
        assert out.value(by_state, state="idle in transaction") == 1
        assert out.value(by_state, state="active") == 1
        assert out.value(by_state, state="hidden") == 0
        assert out.value("postgresql.transactions.open", db="shop") == 2
        assert out.value("postgresql.transactions.idle_in_transaction", db="shop") == 1
        assert out.value("postgresql.active_queries", db="shop") == 1
        assert out.value("postgresql.waiting_queries", db="shop") == 1
        assert out.value("postgresql.connections.by_user", user="teller") == 2
        assert out.value("postgresql.longest_transaction") > 0
        assert out.value("postgresql.longest_query") > 0
        assert out.value("postgresql.longest_idle_in_transaction") > 0
        exclusive = {"table": "orders", "lock_mode": "AccessExclusiveLock", "db": "shop"}
        assert out.value("postgresql.locks", **exclusive) == 1
        shared = {"table": "orders", "lock_mode": "AccessShareLock", "db": "shop"}
        assert out.value("postgresql.locks", **shared) == 1
        wait_until(lambda: probe.run().value(by_state, state="idle in transaction") == 0)


def test_sums_the_rest_of_many_applications(server):
    with Probe(server, max_rows=3) as probe:
        names = ["a", "a", "a", "b", "b", "c", "d"]
        sessions = [client(server, application_name=name) for name in names]
        out = probe.run()
        for session in sessions:
            session.close()
        by = "postgresql.connections.by_application"
        assert out.value(by, application="a") == 3
        assert out.value(by, application="b") == 2
        assert out.value(by, application="other") == 2
        assert out.value(by, application="c") is None


def test_is_a_quiet_and_harmless_guest(server):
    with Probe(
        server,
        dbname="shop",
        custom_metrics=[
            {
                "query": "DELETE FROM orders RETURNING %s",
                "metrics": {"id": ["shop.lost", "GAUGE"]},
                "descriptors": [],
            }
        ],
    ) as probe:
        for _ in range(2):
            with pytest.raises(Retryable, match=r"custom query 0 .*read-only transaction"):
                probe.run()
        assert probe.out.value("postgresql.up") == 1
        ours = "SELECT state, count(*) FROM pg_stat_activity WHERE application_name = 'gnomon'"
        assert server.sql(f"{ours} GROUP BY state") == "idle|1"
    assert server.sql("SELECT count(*) FROM orders", database="shop") == "500"
    wait_until(lambda: server.sql(f"{ours} GROUP BY state") == "")


def test_queries_of_ones_own(server):
    with Probe(
        server,
        dbname="shop",
        relations=["orders"],
        custom_metrics=[
            {
                "query": "SELECT item, %s FROM orders WHERE item LIKE '%%' GROUP BY item",
                "metrics": {
                    "count(*) AS many": ["shop.orders", "GAUGE"],
                    "sum(id) AS total": ["shop.total", "RATE"],
                },
                "descriptors": [["item", "goods"]],
                "relation": False,
            },
            {
                "query": "SELECT relname, %s FROM pg_class WHERE relname IN (%s)",
                "metrics": {"reltuples": ["shop.tuples", "GAUGE"]},
                "descriptors": [["relname", "table"]],
                "relation": True,
            },
        ],
    ) as probe:
        out = probe.run(2)
        orders = [s for s in out.batch if s.series.name == "shop.orders"]
        assert sum(sample.value for sample in orders) == 500
        assert {s.series.label("goods") for s in orders} <= {"shoe", "boot"}
        assert {s.value for s in out.batch if s.series.name == "shop.total"} == {0}
        assert out.value("shop.tuples", table="orders") is not None


# What it says when it is not let in


def test_a_wrong_password_is_said_without_it(server):
    wrong = SECRET + "-wrong"
    with Probe(server, host="127.0.0.1", username="gnomon", password=wrong) as probe:
        with pytest.raises(NeedsSetup) as caught:
            probe.run()
        assert 'password authentication failed for user "gnomon"' in str(caught.value)
        assert "CREATE ROLE gnomon LOGIN PASSWORD '...'" in caught.value.hint
        assert "GRANT pg_monitor TO gnomon" in caught.value.hint
        assert "\n" not in str(caught.value)
        assert wrong not in str(caught.value) + caught.value.hint + repr(probe.check.__dict__)
        assert probe.out.value("postgresql.up") == 0
        [(series, status, message)] = probe.out.statuses
        assert series.label("check") == "postgres.can_connect"
        assert (status, message) == (Status.CRITICAL, str(caught.value))


def test_no_password_where_one_is_asked_for(server, monkeypatch, tmp_path):
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "nowhere"))
    probe = Probe(server, host="127.0.0.1", username="gnomon")
    with pytest.raises(NeedsSetup, match="asks for a password and there is none"):
        probe.run()


def test_the_password_may_stand_where_libpq_looks(server, monkeypatch, tmp_path):
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:{server.port}:*:gnomon:{SECRET}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    with Probe(server, host="127.0.0.1", username="gnomon") as probe:
        assert probe.check.probe().startswith(server.sql("SHOW server_version").split()[0])


def test_a_role_that_does_not_exist(server):
    server_user = pwd.getpwuid(os.geteuid()).pw_name
    with Probe(server, username="") as probe:
        with pytest.raises(NeedsSetup, match="refuses the login") as caught:
            probe.run()
        assert f"CREATE ROLE {server_user} LOGIN;" in caught.value.hint


def test_nobody_listens(server):
    with Probe(server, host="127.0.0.1", port=servers.free_port()) as probe:
        with pytest.raises(Retryable, match="cannot be reached: Connection refused"):
            probe.run()
        assert probe.out.value("postgresql.up") == 0


def test_a_database_that_does_not_exist(server):
    probe = Probe(server, dbname="nowhere")
    with pytest.raises(Permanent, match='database "nowhere" does not exist; set dbname'):
        probe.run()


def test_a_full_server_is_tried_again(server):
    most = int(server.sql("SHOW max_connections"))
    with Probe(server, username="watcher") as probe:
        reserved = int(server.sql("SHOW superuser_reserved_connections"))
        sessions = [client(server) for _ in range(most - reserved)]
        with pytest.raises(Retryable, match="takes no connection now"):
            probe.run()
        for session in sessions:
            session.close()


def test_by_peer_as_the_user_the_agent_runs_as(server):
    server.sql("CREATE ROLE nobody LOGIN", "GRANT pg_monitor TO nobody")
    with servers.acting_as("nobody"), Probe(server, username="") as probe:
        out = probe.run()
        assert out.value("postgresql.up") == 1
    server.sql("DROP ROLE nobody")


def test_a_role_that_may_not_see_others_gets_the_sql_that_lets_it(server):
    with Probe(server, username="watcher") as probe, client(server):
        with pytest.raises(NeedsSetup, match="watcher may not see the sessions of others") as no:
            probe.run()
        assert probe.out.value("postgresql.connections.by_state", state="hidden") == 1
        assert probe.out.value("postgresql.up") == 1
        assert probe.out.value("postgresql.database_size", db="shop") > 0
        server.sql(no.value.hint)
        out = probe.run()
        assert out.value("postgresql.connections.by_state", state="hidden") == 0
        assert out.value("postgresql.connections.by_state", state="idle") == 1
    server.sql("REVOKE pg_monitor FROM watcher")


def test_the_way_of_old_versions_to_see_others(server):
    from gnomon.agent.sources.checks.postgres.setup import grant

    server.sql(grant("watcher", 90624))
    with Probe(server, username="watcher", collect_database_size_metrics=False) as probe:
        with client(server), pytest.raises(NeedsSetup, match="may not see WAL files"):
            probe.run()
        assert probe.out.value("postgresql.connections.by_state", state="hidden") == 0
        assert probe.out.value("postgresql.connections.by_state", state="idle") == 1
    server.sql("DROP SCHEMA gnomon CASCADE")


def test_over_tls():
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (Debian package openssl)")
    with contextlib.closing(servers.PostgreSQL()) as server:
        key, cert = server.folder / "key.pem", server.folder / "cert.pem"
        server.settings |= {"ssl": "on", "ssl_key_file": str(key), "ssl_cert_file": str(cert)}
        server.run(
            *("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", key, "-out", cert),
        )
        server.start()
        server.sql(f"CREATE ROLE gnomon LOGIN PASSWORD '{SECRET}'")
        server.allow("hostssl all gnomon 127.0.0.1/32 md5")
        known = {"host": "127.0.0.1", "username": "gnomon", "password": SECRET}
        ours = "FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'gnomon'"
        for more in ({"ssl": True}, {"ssl": "verify-full", "ssl_root_cert": str(cert)}):
            with Probe(server, **known, **more) as probe:
                with pytest.raises(NeedsSetup, match="may not see"):
                    probe.run()
                assert server.sql(f"SELECT ssl {ours}") == "t"
            wait_until(lambda: server.sql(f"SELECT count(*) {ours}") == "0")
        with pytest.raises(Retryable, match="cannot be reached"):
            Probe(server, **known, ssl="verify-full").run()
        with pytest.raises(NeedsSetup, match="refuses the login"):
            Probe(server, **known, ssl="disable").run()


# What it says when something breaks


def test_a_failing_query_is_named_and_the_others_go_out(server):
    slow = {
        "query": "SELECT %s FROM pg_sleep(30)",
        "metrics": {"1": ["never", "GAUGE"]},
        "descriptors": [],
    }
    fast = {"query": "SELECT %s", "metrics": {"7": ["seven", "GAUGE"]}, "descriptors": []}
    bad = {"query": "SELECT %s FROM nowhere", "metrics": {"1": ["x", "GAUGE"]}, "descriptors": []}
    with Probe(server, timeout=1, custom_metrics=[bad, fast, slow]) as probe:
        with pytest.raises(Retryable) as caught:
            probe.run()
        assert 'custom query 0 (relation "nowhere" does not exist)' in str(caught.value)
        assert "custom query 2 (canceling statement due to statement timeout)" in str(caught.value)
        assert "custom query 1" not in str(caught.value)
        assert probe.out.value("seven") == 7
        assert probe.out.value("postgresql.up") == 1


def test_a_lost_connection_is_made_anew_in_the_same_run(server):
    with Probe(server) as probe:
        probe.run()
        ours = "application_name = 'gnomon'"
        server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        out = probe.run()
        assert out.value("postgresql.up") == 1
        assert out.value("postgresql.commits", db="postgres") is not None


def test_a_server_that_hangs_holds_nobody_for_long(server):
    with Probe(server, timeout=1) as probe:
        probe.run()
        ours = "pg_stat_activity WHERE application_name = 'gnomon'"
        pid = int(server.sql(f"SELECT pid FROM {ours}"))
        os.kill(pid, signal.SIGSTOP)
        try:
            out = probe.run()  # the old session is given up, a new one works
            assert out.value("postgresql.up") == 1
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_connection_that_is_lost_in_the_middle(server):
    suicide = {
        "query": "SELECT %s",
        "metrics": {"pg_terminate_backend(pg_backend_pid())::int": ["never", "GAUGE"]},
        "descriptors": [],
    }
    late = {"query": "SELECT %s", "metrics": {"1": ["late", "GAUGE"]}, "descriptors": []}
    with Probe(server, custom_metrics=[suicide, late, late]) as probe:
        with pytest.raises(Retryable) as caught:
            probe.run()
        assert str(caught.value).endswith("2 not asked, as the connection is lost")
        assert "terminating connection due to administrator command" in str(caught.value)
        assert probe.out.value("postgresql.database_size", db="shop") > 0
        with pytest.raises(Retryable):
            probe.run()
        assert probe.out.value("postgresql.up") == 1


def test_a_server_that_goes_and_comes_back():
    with servers.PostgreSQL() as server, Probe(server) as probe:
        probe.run()
        server.kill()
        with pytest.raises(Retryable, match="cannot be reached"):
            probe.run()
        assert probe.out.value("postgresql.up") == 0
        assert [status for _, status, _ in probe.out.statuses] == [Status.CRITICAL]
        server.start()
        out = probe.run()
        assert out.value("postgresql.up") == 1
        assert out.value("postgresql.uptime") < 60
        assert [event.title for event in out.batch.events] == ["postgres.can_connect is ok"]


def test_a_standby_and_its_primary(server):
    with (
        servers.PostgreSQL(primary=server) as standby,
        Probe(standby) as behind,
        Probe(server) as before,
    ):
        server.sql("INSERT INTO orders VALUES (1000, 'hat')", database="shop")
        wait_until(
            lambda: (
                standby.sql("SELECT count(*) FROM orders WHERE id = 1000", database="shop") == "1"
            )
        )
        wait_until(lambda: behind.run().value("postgresql.replication_delay") == 0)
        out = behind.run(2)
        assert out.value("postgresql.in_recovery") == 1
        assert out.value("postgresql.replication_delay_bytes") == 0
        assert out.value("postgresql.wal.bytes") is None
        out = before.run()
        assert out.value("postgresql.in_recovery") == 0
        assert out.value("postgresql.replication.standbys") == 1
        assert out.value("postgresql.replication_delay") is None
        slot = f"standby_{standby.port}"
        assert out.value("postgresql.replication_slot.active", slot=slot) == 1
        assert out.value("postgresql.replication_slot.restart_delay_bytes", slot=slot) >= 0
        sender = {"standby": "walreceiver", "client": "local"}
        assert out.value("postgresql.replication.delay_bytes", **sender) >= 0
    wait_until(lambda: server.sql("SELECT count(*) FROM pg_stat_replication") == "0")
    server.sql(f"SELECT pg_drop_replication_slot('{slot}')")
    server.sql("DELETE FROM orders WHERE id = 1000", database="shop")


def test_from_the_command_line(server):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gnomon", "check", "postgres", "--json"),
            *("--instance", f"host={server.folder}", "--instance", f"port={server.port}"),
            *("--instance", "user=owner"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    sizes = {
        line["labels"]["db"]: line["value"]
        for line in lines
        if line.get("metric") == "postgresql.database_size"
    }
    assert done.returncode == 0, done.stderr
    assert set(sizes) == {"postgres", "shop"}
    assert json.loads(done.stderr.splitlines()[-1])["status"] == "ok"
