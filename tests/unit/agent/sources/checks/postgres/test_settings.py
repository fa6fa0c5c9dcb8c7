import pytest

from gnomon.agent.sources.checks.postgres import custom, settings, setup
from gnomon.agent.sources.checks.postgres.settings import Settings, tables, target
from gnomon.core.errors import SettingsError
from gnomon.core.settings import Located, build


def settings_of(**data):
    return build(Located(data), Settings)


def test_a_file_of_agent_5_is_understood():
    old = settings_of(
        host="db1",
        port=5433,
        username="datadog",
        password="x",
        dbname="shop",
        ssl=False,
        use_psycopg2=False,
        relations=["orders", {"relation_name": "items", "schemas": ["public", "old"]}],
        collect_function_metrics=True,
        collect_count_metrics=False,
        collect_database_size_metrics=False,
        do_collect_default_database=True,
    )
    assert target(old) == ("db1", 5433, "db1:5433")
    assert tables(old.relations) == (["orders"], ["public.items", "old.items"])
    assert "x" not in repr(old.password)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("/run/postgresql", ("/run/postgresql", 5432, "localhost:5432")),
        ("/run/postgresql/.s.PGSQL.5433", ("/run/postgresql", 5433, "localhost:5433")),
        ("127.0.0.1", ("127.0.0.1", 5432, "localhost:5432")),
        ("::1", ("::1", 5432, "localhost:5432")),
        ("10.0.0.5", ("10.0.0.5", 5432, "10.0.0.5:5432")),
    ],
)
def test_where_it_leads(host, expected):
    assert target(settings_of(host=host)) == expected


def test_localhost_without_a_password_is_the_unix_socket(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "SOCKET_FOLDERS", (str(tmp_path / "no"), str(tmp_path)))
    assert target(settings_of(port=5499)).host == "localhost"
    (tmp_path / ".s.PGSQL.5499").touch()
    assert target(settings_of(port=5499)) == (str(tmp_path), 5499, "localhost:5499")
    assert target(settings_of(port=5499, password="x")).host == "localhost"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"port": 0}, "port: expected int >= 1"),
        ({"port": "5432x"}, "port: expected int, got str"),
        ({"ssl": "sometimes"}, "ssl: "),
        ({"timeout": "soon"}, "timeout: expected a duration"),
        ({"relations": "orders"}, "relations: expected array, got str"),
    ],
)
def test_wrong_settings_name_the_key(data, message):
    with pytest.raises(SettingsError) as caught:
        settings_of(**data)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ({"query": "SELECT 1"}, "custom_metrics[0]: expected {query: SELECT"),
        ({"query": "SELECT 1", "metrics": {"a": ["m", "GAUGE"]}}, "write %s where"),
        ({"query": "SELECT %s", "metrics": {"a": ["m", "SET"]}}, "a: expected [name, GAUGE"),
        ({"query": "SELECT %s", "metrics": {"a": "m"}}, "a: expected [name, GAUGE"),
        (
            {"query": "SELECT %s", "metrics": {"a": ["m", "GAUGE"]}, "descriptors": ["a"]},
            "descriptors: expected [[column, label], ...]",
        ),
        ({"query": "SELECT %s, '5%'", "metrics": {"a": ["m", "GAUGE"]}}, "%% for a percent sign"),
    ],
)
def test_a_custom_metric_that_cannot_be_understood(metric, message):
    with pytest.raises(SettingsError) as caught:
        custom.queries([metric])
    assert message in str(caught.value)


def test_a_custom_metric_names_its_tables_safely():
    metric = {
        "query": "SELECT relname, %s FROM pg_class WHERE relname IN (%s)",
        "metrics": {"reltuples": ["rows", "gauge"]},
        "descriptors": [["relname", "table"]],
        "relation": True,
    }
    [query] = custom.queries([metric], ["orders", "o'hara"])
    assert query.statement(150000) == (
        "SELECT relname, reltuples FROM pg_class WHERE relname IN ('orders', 'o''hara')"
    )


def test_the_sql_for_an_administrator():
    assert setup.login("gnomon", 5433, password=False) == (
        "-- as a superuser (sudo -u postgres psql -p 5433):\n"
        "CREATE ROLE gnomon LOGIN;\n"
        "GRANT pg_monitor TO gnomon;"
    )
    assert 'CREATE ROLE "we-ird""name" LOGIN' in setup.login('we-ird"name', password=True)
    assert "SECURITY DEFINER" in setup.grant("gnomon", 90624)
    assert "pg_monitor" not in setup.grant("gnomon", 90624)
