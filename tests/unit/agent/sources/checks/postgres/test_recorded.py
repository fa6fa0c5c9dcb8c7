"""What the check makes of each version, from rows that real servers of that version gave.

A statement that was never run on a version cannot get by: the recording knows it by its text. Run
`GNOMON_TEST_POSTGRESQL=<folders> pytest --update-golden` on this file to record anew the versions
that are installed; what others gave stays.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import psycopg
import pytest

from gnomon.agent.sources.checks.postgres import Postgres, Settings
from gnomon.agent.sources.checks.postgres.session import Session, State, connect
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.settings import Located, build
from gnomon.core.telemetry import Telemetry
from gnomon.testing import golden, servers
from gnomon.testing.clock import FakeClock
from gnomon.testing.output import RecordingOutput

FOLDER = Path(__file__).parent / "recorded"
VERSIONS = ("9.6", "10", "12", "13", "14", "15", "16", "17", "18")
OPTIONS = {"dbname": "shop", "relations": ["orders"], "collect_function_metrics": True}


class Replay:
    """A session that answers as a recorded server did."""

    broken = False

    def __init__(self, recorded: dict) -> None:
        self.version = recorded["version"]
        self.runs = iter(recorded["runs"])

    def state(self, give_up: float) -> State:
        self.run = next(self.runs)
        return State(self.run["state"])

    def rows(self, sql: str, give_up: float, parameters: object = None) -> list:
        assert sql in self.run["rows"], f"never run on version {self.version}: {sql}"
        return self.run["rows"][sql]

    def close(self) -> None:
        pass


class Recorder(Session):
    """A session that writes down what the server says."""

    def __init__(self, connection: psycopg.Connection) -> None:
        super().__init__(connection)
        self.runs = []

    def state(self, give_up: float) -> State:
        state = super().state(give_up)
        uptime = round(state.uptime, 1)
        rest = [state.standby, state.sees_all, state.helped, state.role, state.version_text]
        self.runs.append({"state": [uptime, *rest], "rows": {}})
        return state

    def rows(self, sql: str, give_up: float, parameters: object = None) -> list:
        rows = super().rows(sql, give_up, parameters)
        if "pg_postmaster_start_time" not in sql:
            self.runs[-1]["rows"][sql] = [[_plain(value) for value in row] for row in rows]
        return rows


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, (str, int)) else round(float(value), 3)


def check() -> Postgres:
    context = Context("test", FakeClock(), Telemetry(), logging.getLogger("test"))
    return Postgres(build(Located(OPTIONS), Settings), context)


@pytest.fixture(scope="module")
def recordings(request: pytest.FixtureRequest) -> Path:
    """Where they are; made anew for the installed versions if asked to."""
    if request.config.getoption("--update-golden"):
        for folder in servers.postgresql_folders():
            server = servers.PostgreSQL(folder)
            server.settings |= {"track_functions": "all", "max_prepared_transactions": "5"}
            with server:
                record(server)
    return FOLDER


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_of_each_version(version: str, recordings: Path, update_golden: bool) -> None:
    replayed, out, text = check(), RecordingOutput(), ""
    recorded = json.loads((recordings / f"{version}.json").read_text())
    replayed._session = Replay(recorded)
    for turn in range(len(recorded["runs"])):
        out.begin(1_700_000_000_000 + turn * 10_000, turn * 10.0)
        replayed._kept.clear()  # slow queries are asked in each run
        replayed.collect(out)
        text += f"# run {turn + 1}\n" + "\n".join(out.lines()) + "\n"
    golden.compare(recordings / f"{version}.txt", text, update=update_golden)


def record(server: servers.PostgreSQL) -> None:
    """Two runs, and some work between them."""
    server.sql("CREATE DATABASE shop")
    server.sql(
        "CREATE TABLE orders (id int PRIMARY KEY, item text)",
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE plpgsql "
        "AS 'BEGIN RETURN (SELECT count(*) FROM orders); END'",
        "SELECT f()",
        database="shop",
    )
    where = {"host": str(server.folder), "port": server.port}
    settings = build(Located({**OPTIONS, **where, "username": "owner"}), Settings)
    clock = SystemClock()
    recording, out = check(), RecordingOutput()
    recording._clock = clock
    session = connect(settings, clock, clock.monotonic() + 5)
    recording._session = recorder = Recorder(session._connection)
    with psycopg.connect(**where, user="owner", dbname="shop", application_name="till") as client:
        recording.collect(out)
        server.sql(
            "INSERT INTO orders SELECT n, 'shoe' FROM generate_series(1, 500) n",
            "SELECT f(), (SELECT item FROM orders WHERE id = 7)",
            "BEGIN; DELETE FROM orders WHERE id = 1; PREPARE TRANSACTION 'deed'",
            "ANALYZE orders",
            database="shop",
        )
        client.execute("LOCK TABLE orders IN ACCESS SHARE MODE")
        clock.sleep(1.5)  # before version 15, statistics come late
        recording._kept.clear()
        recording.collect(out)
    recorder.close()
    number = recorder.version
    name = str(number // 10000) if number >= 100000 else f"{number // 10000}.{number // 100 % 100}"
    text = json.dumps({"version": number, "runs": recorder.runs}, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n")
