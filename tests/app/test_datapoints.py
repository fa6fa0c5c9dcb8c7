"""Shell scripts that post data points with curl, and pushes of Open-Falcon's, to a real server."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from gnomon.testing.processes import GnomonServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

KEY = "correct-horse"
SCRIPT = r"""#!/bin/sh
# Posts the state of services, keywords in logs, files in folders and runs of cron jobs.
now=$(date +%s)
point() {  # metric value tag
    printf '{"hostId":"1","host":"web1","metric":"%s","timeStamp":"%s","value":%s,"tags":["host:web1","%s"],"type":"gauge"}' \
        "$1" "$now" "$2" "$3"
}
data="[$(point system.service.state 1 service:nginx),$(point app.log.error 3 file:app.log),"
data="$data$(point system.file.number 42 folder:/tmp),$(point system.crontab.count 7 user:root)]"
curl -sS -X POST -H 'Content-type: application/json' -w '\n%{http_code}' --data QUOTED "$1"
"""


@pytest.fixture(scope="module")
def server():
    with GnomonServer(api_keys=[KEY]) as server:
        yield server


def post(server, tmp_path, data, key=KEY):
    script = tmp_path / "post.sh"
    script.write_text(SCRIPT.replace("QUOTED", data))
    url = f"{server.url}/openapi/v2/datapoints?api_key={key}"
    done = subprocess.run(
        ["/bin/sh", str(script), url], capture_output=True, text=True, timeout=60, check=False
    )
    answer, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(answer)


def exported(server, expression):
    answer = server.request(
        "GET", f"/api/v1/export?match[]={expression}", headers={"X-API-Key": KEY}
    )
    return [json.loads(line) for line in answer.body.splitlines()]


def test_a_script_with_curl(server, tmp_path):
    status, said = post(server, tmp_path, '"$data"')
    assert (status, said) == (202, {"status": "ok", "accepted": 4, "rejected": []})
    lines = exported(server, "%7Bhost=%22web1%22%7D")
    assert {line["metric"]["__name__"]: line["values"] for line in lines} == {
        "system.service.state": [1],
        "app.log.error": [3],
        "system.file.number": [42],
        "system.crontab.count": [7],
    }


@pytest.mark.parametrize(
    ("data", "key", "status", "words"),
    [
        ("'[{\"host\":'", KEY, 400, "cut off"),
        ('\'[{"host":"a","timeStamp;"1"}]\'', KEY, 400, "line 1 column 26"),
        ("'[]'", KEY, 400, "empty"),
        ('"$data"', "wrong", 403, "key"),
    ],
)
def test_what_a_script_gets_wrong_is_said(server, tmp_path, data, key, status, words):
    code, said = post(server, tmp_path, data, key)
    assert code == status
    assert words in said["error"]


def test_a_push_of_open_falcon_with_curl(server):
    item = {"endpoint": "db1", "metric": "falcon.m", "value": "3", "step": 60}
    body = json.dumps([{**item, "counterType": "COUNTER", "tags": "a=b", "timestamp": 1700000000}])
    command = ["curl", "-sS", "-H", f"X-API-Key: {KEY}", "--data", body, f"{server.url}/v1/push"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stdout == b"success"
    (line,) = exported(server, "%7B__name__=%22falcon.m%22%7D")
    assert line["metric"] == {"__name__": "falcon.m", "host": "db1", "a": "b"}
    assert (line["timestamps"], line["values"]) == ([1700000000000], [3])
