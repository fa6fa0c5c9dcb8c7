"""Datadog's own clients (PyPI `datadog`, `datadog-api-client`) against a real server and a listener."""

from __future__ import annotations

import contextlib
import json
import logging
import time

import pytest

from gnomon.agent.sources.listeners.datadog import Datadog, Settings
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.telemetry import Telemetry
from gnomon.testing.processes import GnomonServer

KEY = "0123456789abcdef0123456789abcdef"
NOW = int(time.time())

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def server():
    with GnomonServer(api_keys=[KEY]) as server:
        yield server


def exported(server, name):
    path = f"/api/v1/export?match[]=%7B__name__=%22{name}%22%7D"
    answer = server.request("GET", path, headers={"X-API-Key": KEY})
    return [json.loads(line) for line in answer.body.splitlines()]


@pytest.fixture
def client(server):
    """The client of version 1, which raises when an answer is not as it expects."""
    datadog = pytest.importorskip("datadog", reason="the client `datadog` is not installed")
    with client_of(datadog, f"{server.url}/datadog", KEY) as client:
        yield client


@contextlib.contextmanager
def client_of(datadog, url, key):
    datadog.initialize(
        api_key=key,
        app_key="unused",
        api_host=url,
        host_name="web1",
        mute=False,
        statsd_disable_buffering=True,
    )
    try:
        yield datadog.api
    finally:
        session = datadog.api.api_client.APIClient._get_http_client()._session
        if session is not None:
            session.close()


def test_metrics(server, client):
    answer = client.Metric.send(
        metric="dd.load", points=[(NOW - 1, 1), (NOW, 2.5)], tags=["role:db"], type="rate"
    )
    assert answer == {"status": "ok"}
    (line,) = exported(server, "dd.load")
    assert line["metric"] == {"__name__": "dd.load", "host": "web1", "role": "db"}
    assert line["timestamps"] == [(NOW - 1) * 1000, NOW * 1000]
    assert line["values"] == [1, 2.5]


def test_several_metrics_at_once(server, client):
    client.Metric.send(
        [{"metric": "dd.a", "points": 1}, {"metric": "dd.b", "points": [(NOW, 2)], "host": "web2"}]
    )
    assert exported(server, "dd.a")[0]["values"] == [1]
    assert exported(server, "dd.b")[0]["metric"]["host"] == "web2"


def test_check_and_event(server, client):
    answer = client.ServiceCheck.check(
        check="dd.up", host_name="web1", status=2, timestamp=NOW, message="refused", tags=["a:b"]
    )
    assert answer == {"status": "ok"}
    (line,) = exported(server, "service_check")
    assert line["metric"]["check"] == "dd.up"
    assert line["values"] == [2]
    answer = client.Event.create(title="deploy", text="v2", tags=["a:b"], alert_type="success")
    assert answer["event"]["title"] == "deploy"
    headers = {"X-API-Key": KEY}
    path = f"/api/v1/events?from={(NOW - 60) * 1000}&to={(NOW + 600) * 1000}"
    titles = [
        event["title"] for event in json.loads(server.request("GET", path, b"", headers).body)
    ]
    assert sorted(titles) == ["deploy", "dd.up is critical"][::-1]


def test_a_wrong_key_is_an_error_of_the_client(server):
    datadog = pytest.importorskip("datadog", reason="the client `datadog` is not installed")
    with (
        client_of(datadog, f"{server.url}/datadog", "wrong") as client,
        pytest.raises(Exception, match=r"401|403|[Ff]orbidden|key"),
    ):
        client.Metric.send(metric="dd.no", points=1)
    assert exported(server, "dd.no") == []


def test_the_listener_of_the_agent():
    datadog = pytest.importorskip("datadog", reason="the client `datadog` is not installed")
    batches = []
    context = Context("agent", SystemClock(), Telemetry(), logging.getLogger("gnomon.test"))
    listener = Datadog(Settings(address="127.0.0.1:0"), context, batches.append)
    listener.start()
    try:
        with client_of(datadog, f"http://127.0.0.1:{listener.port}", "any") as client:
            client.Metric.send(metric="dd.load", points=[(NOW, 2.5)], tags=["role:db"])
            client.ServiceCheck.check(check="dd.up", host_name="web1", status=0)
    finally:
        listener.stop()
    first, second = (sample for batch in batches for sample in batch)
    assert repr(first.series) == "dd.load{host='web1', role='db'}"
    assert (first.timestamp, first.value) == (NOW * 1000, 2.5)
    assert second.series.label("check") == "dd.up"


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate", "zstd1"])
def test_the_client_of_version_2(server, encoding):
    pytest.importorskip("datadog_api_client", reason="`datadog-api-client` is not installed")
    from datadog_api_client import ApiClient, Configuration
    from datadog_api_client.v2.api.metrics_api import MetricsApi
    from datadog_api_client.v2.model.metric_content_encoding import MetricContentEncoding
    from datadog_api_client.v2.model.metric_payload import MetricPayload
    from datadog_api_client.v2.model.metric_point import MetricPoint
    from datadog_api_client.v2.model.metric_resource import MetricResource
    from datadog_api_client.v2.model.metric_series import MetricSeries

    if encoding == "zstd1":
        pytest.importorskip("zstandard", reason="the client's `zstandard` is not installed")
    configuration = Configuration(host=f"{server.url}/datadog")
    configuration.api_key["apiKeyAuth"] = KEY
    name = f"dd2.{encoding}"
    series = MetricSeries(
        metric=name,
        points=[MetricPoint(timestamp=NOW, value=4.5)],
        resources=[MetricResource(name="web3", type="host")],
    )
    how = {"content_encoding": MetricContentEncoding(encoding)} if encoding else {}
    with ApiClient(configuration) as client:
        answer = MetricsApi(client).submit_metrics(body=MetricPayload(series=[series]), **how)
    assert answer.errors == []
    (line,) = exported(server, name)
    assert (line["metric"]["host"], line["values"]) == ("web3", [4.5])
