"""The same data and the same requests to graphite-web and to Gnomon: the answers must be the same.

Needs a Python with graphite-web 1.1.10, named by the variable GNOMON_GRAPHITE_WEB, for instance:

    python3.8 -m venv /somewhere
    GRAPHITE_NO_PREFIX=True /somewhere/bin/pip install graphite-web==1.1.10 whisper==1.1.10
    GNOMON_GRAPHITE_WEB=/somewhere/bin/python make test
"""

import json
import math
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from gnomon.core.model import Batch, Metric, Sample, Series, labels_of
from gnomon.server.store.interface import Write
from gnomon.testing.clock import FakeClock
from gnomon.testing.server import memory_server

PYTHON = os.environ.get("GNOMON_GRAPHITE_WEB", "")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="GNOMON_GRAPHITE_WEB names no Python with graphite-web"),
    pytest.mark.slow,
    pytest.mark.xdist_group("graphite_oracle"),
]

NOW = 1_700_000_000
HISTORY = 8 * 86400


class Peer:
    """graphite-web in a child process."""

    def __init__(self, data):
        script = Path(__file__).with_name("graphite_web_peer.py")
        self.child = subprocess.Popen(
            [PYTHON, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TZ": "UTC"},
        )
        self._send(data)

    def _send(self, line):
        self.child.stdin.write(json.dumps(line) + "\n")
        self.child.stdin.flush()

    def get(self, path, params):
        self._send({"path": path, "params": params})
        answer = json.loads(self.child.stdout.readline())
        return answer["status"], answer["body"]

    def close(self):
        self.child.stdin.close()
        self.child.wait(30)
        self.child.stdout.close()


def _line(rng, step, kind):
    """Points of one series: newest first is not needed, gaps are."""
    points, value = [], 0.0
    first = NOW - HISTORY
    for at in range(first - first % step, NOW + 1, step):
        if kind == "counter":
            value = rng.uniform(0, 5) if rng.random() < 0.01 else value + rng.uniform(0, 10)
        elif kind == "whole":
            value = float(rng.randrange(-5, 20))
        elif kind == "steps":
            value = value if rng.random() < 0.9 else float(rng.randrange(4))
        else:
            value = 50 + 40 * math.sin(at / 7000) + rng.uniform(-10, 10)
        if rng.random() > (0.12 if kind != "full" else 0.0):
            points.append((at, value))
    return points


def _data(folder):
    rng = random.Random(7)
    described = [
        ("servers.web1.cpu.user", 60, "wave"),
        ("servers.web1.cpu.system", 60, "full"),
        ("servers.web2.cpu.user", 60, "whole"),
        ("servers.web2.cpu.system", 60, "wave"),
        ("servers.web10.cpu.user", 60, "steps"),
        ("servers.web1.requests.count", 60, "counter"),
        ("servers.web2.requests.count", 60, "counter"),
        ("servers.web1.requests.time", 60, "wave"),
        ("servers.web2.requests.time", 60, "full"),
        ("fast.a", 10, "wave"),
        ("fast.b", 10, "full"),
        ("odd.thirty", 30, "wave"),
        ("odd.minute", 60, "wave"),
        ("disk.used;dc=eu;host=web1", 60, "wave"),
        ("disk.used;dc=eu;host=web2", 60, "full"),
        ("disk.used;dc=us;host=db1", 60, "whole"),
        ("disk.free;dc=us;host=db1", 60, "wave"),
    ]
    return {
        "folder": str(folder),
        "now": NOW,
        "series": [
            {"path": path, "step": step, "points": _line(rng, step, kind)}
            for path, step, kind in described
        ],
        "events": [
            {"what": "deploy", "tags": "deploy web1", "when": NOW - 300, "data": "v1"},
            {"what": "deploy", "tags": "deploy", "when": NOW - 120, "data": "v2"},
        ],
    }


def _stored(path):
    name, *tags = path.split(";")
    return Series(Metric(name), labels_of(tag.split("=") for tag in tags))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """graphite-web and Gnomon with the same data; each a function of path and parameters."""
    data = _data(tmp_path_factory.mktemp("graphite") / "web")
    peer = Peer(data)
    with memory_server(clock=FakeClock(NOW * 1000)) as server:
        for one in data["series"]:
            series = _stored(one["path"])
            samples = [Sample(series, at * 1000, value) for at, value in one["points"]]
            server.store.append([Write(Batch.of(samples))])
        for event in data["events"]:
            server.client.post("/events/", json.dumps(event).encode())

        def ours(path, params):
            answer = server.client.get(path, params)
            return answer.status, answer.body.decode()

        yield peer.get, ours
    peer.close()


def _same(one, other):
    if one is None or other is None:
        return one is other
    return one == other or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def compare(both, params):
    """Asks both; answers what differs, or None."""
    theirs, ours = both
    (their_status, their_body), (status, body) = (
        theirs("/render", params),
        ours("/render", params),
    )
    if their_status != 200 or status != 200:
        # An error inside graphite-web obliges to nothing; what it refuses is to be refused.
        same = status == 400 if their_status == 400 else their_status == 500 and status < 500
        return None if same else f"status {their_status} {status}: {body[:300]}"
    expected, found = json.loads(their_body), json.loads(body)
    names = [series["target"] for series in expected]
    if names != [series["target"] for series in found]:
        return f"names: {names} != {[series['target'] for series in found]}"
    for one, other in zip(expected, found, strict=True):
        if one["tags"] != other["tags"]:
            return f"tags of {one['target']}: {one['tags']} != {other['tags']}"
        if [time for _, time in one["datapoints"]] != [time for _, time in other["datapoints"]]:
            ends = [(len(p), p[:2], p[-1:]) for p in (one["datapoints"], other["datapoints"])]
            return f"times of {one['target']}: {ends}"
        for left, right in zip(one["datapoints"], other["datapoints"], strict=True):
            if not _same(left[0], right[0]):
                return f"values of {one['target']}: {left} != {right}"
    return None


CPU = "servers.*.cpu.user"
ALL = "servers.{web1,web2}.cpu.{user,system}"
ONE = "servers.web1.cpu.user"
COUNT = "servers.*.requests.count"
TIME = "servers.*.requests.time"
MIXED = "{fast,odd}.*"
TAGGED = "seriesByTag('name=~disk')"

TARGETS = [
    # The grammar and the tree.
    ONE, CPU, ALL, MIXED, TAGGED, "servers.web[12].cpu.user", "servers.web?.cpu.user",
    "servers.web1*.cpu.user", "servers.w*1.cpu.*", "nowhere.*", "disk.used;dc=eu;host=web1",
    "seriesByTag('name=disk.used','dc!=eu')", "seriesByTag('host=~web','name!=~disk.f')",
    "seriesByTag('host=~^db','dc=~u')", "seriesByTag('host=web1','nothing=')",
    f"{CPU}|scale(2)|alias('x y')", f"{CPU} | sumSeries() | scale(0.5)",
    "template(servers.$host.cpu.user,host='web2')", "template(scale($1,$2),'fast.a','3')",
    "template(sumSeries(servers.$h.cpu.*),h='web1')", f"alias({ONE},\"it's\")",
    # Alias.
    f"alias({CPU},'one name')", f"aliasByMetric({ALL})", f"aliasByMetric(scale({ALL},2))",
    f"aliasByNode({ALL},1)", f"aliasByNode({ALL},1,-1)", f"aliasByNode({ALL},0,9)",
    f"aliasByNode(scale({ALL},2),1,3)", f"aliasByNode({TAGGED},'host')",
    f"aliasByNode({TAGGED},0,'dc')", f"aliasByTags({TAGGED},'host','name')",
    f"aliasByTags({TAGGED},1,'nope')", f"aliasByNode(alias({ONE},'a.b(c.d)'),0)",
    f"aliasByNode(sumSeries({TAGGED}),'name')", f"aliasByNode(alias({ONE},'x)'),0)",
    rf"aliasSub({ALL},'^servers\.(\w+)\..*','\1')", f"aliasSub({ALL},'cpu','mem')",
    rf"aliasQuery({CPU},'servers\.(\w+)\.cpu.user','servers.\1.cpu.user','%d now')",
    rf"aliasQuery({ONE},'user','system','%.2f')", f"aliasQuery({ONE},'user','none','%d')",
    f"legendValue({ALL},'last')", f"legendValue({ALL},'avg','max','si')",
    f"legendValue({ALL},'count')", f"legendValue({ALL},'min','total','binary')",
    f"legendValue({ONE},'nothing')", f"legendValue({ONE},'nothing','si')",
    f"upper({ALL})", f"upper({ALL},0,3,99)", f"lower(upper({ALL}))", f"lower(upper({ALL}),1,-1)",
    # Calculate.
    f"aggregateLine({ALL})", f"aggregateLine({ALL},'max')", f"aggregateLine({ALL},'count')",
    f"aggregateLine({ALL},'median',true)", f"aggregateLine({ALL},func='min',keepStep=true)",
    f"exponentialMovingAverage({ALL},5)", f"exponentialMovingAverage({ALL},'5min')",
    "exponentialMovingAverage(fast.*,'1min')",
    f"holtWintersForecast({ONE})", f"holtWintersForecast({ONE},'2d','1d')",
    f"holtWintersForecast({ALL},bootstrapInterval='1d',seasonality='4h')",
    f"holtWintersConfidenceBands({ONE})", f"holtWintersConfidenceBands({ONE},4,'2d','6h')",
    f"holtWintersConfidenceArea({ONE},2,'1d','4h')", f"holtWintersAberration({ALL},2,'1d','6h')",
    f"holtWintersAberration({ONE},1,'1d','2h')",
    "identity('the time')", f"linearRegression({ALL})",
    f"linearRegression({ALL},'{NOW - 7200}','{NOW}')", f"linearRegression(fast.a,'{NOW - 1800}')",
    *(
        f"moving{kind}({series},{window})"
        for kind in ("Average", "Median", "Sum", "Min", "Max")
        for series, window in ((ALL, 5), (ALL, "'10min'"), ("fast.a", "'90s'"), (ALL, "3,0.7"))
    ),
    *(
        f"movingWindow({ALL},7,'{kind}')"
        for kind in ("avg_zero", "diff", "stddev", "count", "range", "multiply", "last", "avg")
    ),
    f"movingAverage({MIXED},4)", f"movingAverage({MIXED},'3min')", "movingAverage(fast.a,'75s')",
    f"movingAverage(sumSeries({ALL}),'5min')", f"movingAverage({ALL},'30s')",
    f"movingMedian({ALL},'10min',xFilesFactor=0.9)", "movingAverage(nowhere.*,5)",
    f"nPercentile({ALL},95)", f"nPercentile({ALL},50)", f"nPercentile({ALL},0.5)",
    f"stdev({ALL},5)", f"stdev({ALL},10,0.9)", "stdev(servers.web10.cpu.user,6,0)",
    # Combine.
    *(
        f"aggregate({ALL},'{kind}')"
        for kind in (
            "average", "avg_zero", "median", "sum", "min", "max", "diff", "stddev", "count",
            "range", "multiply", "last", "rangeOf", "avg", "total", "current", "sumSeries",
        )
    ),
    f"aggregate({ALL},'sum',0.9)", f"aggregate({MIXED},'max')", "aggregate(nowhere.*,'sum')",
    *(
        f"{name}({series})"
        for name in (
            "sumSeries", "averageSeries", "minSeries", "maxSeries", "diffSeries", "stddevSeries",
            "rangeOfSeries", "multiplySeries", "countSeries", "sum", "avg", "powSeries",
        )
        for series in (ALL, MIXED, f"{ONE},fast.a", TAGGED, "nowhere.*", ONE, "fast.b,fast.b")
    ),
    "countSeries()", f"sumSeries(a.b,{ONE})", f"sumSeries(scale({ALL},2),{CPU})",
    f"sumSeries({ONE},{ONE})", f"multiplySeries({ONE})", "powSeries(odd.*)",
    "sumSeries(odd.thirty,timeShift(odd.minute,'1h'))",
    *(
        f"{kind}SeriesWithWildcards({ALL},{places})"
        for kind in ("sum", "average", "multiply")
        for places in ("1", "3", "1,3", "-1")
    ),
    f"aggregateWithWildcards({ALL},'max',1)", f"aggregateWithWildcards({ALL},'median',3)",
    *(
        f"{kind}SeriesLists({CPU},{TIME})" for kind in ("sum", "diff", "multiply")
    ),
    f"sumSeriesLists({COUNT},{TIME})", f"diffSeriesLists({COUNT},{TIME})",
    f"multiplySeriesLists({COUNT},{TIME})", f"aggregateSeriesLists({COUNT},{TIME},'max')",
    f"aggregateSeriesLists({COUNT},{TIME},'avg',0.5)", f"aggregateSeriesLists({ONE},{TIME},'sum')",
    f"asPercent({ALL})", f"asPercent({ALL},150)", f"asPercent({ALL},0.5)", f"asPercent({ALL},0)",
    f"asPercent({ALL},{ONE})", f"asPercent({COUNT},{TIME})", f"asPercent({ALL},None,1)",
    f"asPercent({ALL},None,3)", f"asPercent({ALL},{ALL},1)", f"asPercent({ALL},{CPU},1)",
    f"asPercent({ALL},servers.web1.cpu.*,1)", f"asPercent(servers.web1.cpu.*,{ALL},1)",
    f"asPercent({MIXED})", "asPercent(fast.a,odd.*)", "asPercent(odd.*,fast.a)", f"pct({ALL})",
    f"asPercent({ONE},{ONE})", f"asPercent({ALL},{TIME})", f"asPercent({TAGGED},None,'dc')",
    f"asPercent({CPU},sumSeries({CPU}))", "asPercent(nowhere.*)",
    f"divideSeries({ALL},{ONE})", f"divideSeries({ALL},nowhere.*)", f"divideSeries({ALL},{ALL})",
    "divideSeries(fast.a,odd.minute)", "divideSeries(odd.*,fast.b)",
    f"divideSeriesLists({COUNT},{TIME})", f"divideSeriesLists({ONE},{TIME})",
    f"weightedAverage({TIME},{COUNT},1)", f"weightedAverage({CPU},{CPU},1)",
    f"weightedAverage({ONE},{COUNT},1)", f"weightedAverage({TIME},servers.web[12].cpu.user,1)",
    f"weightedAverage({TIME},servers.web[12].cpu.user,0)",
    f"group({CPU},{TIME})", "group()", f"group({ONE},nowhere.*)",
    f"groupByNode({ALL},1,'sum')", f"groupByNode({ALL},3)", f"groupByNode({ALL},-1,'maxSeries')",
    f"groupByNode({ALL},1,callback='averageSeries')", f"groupByNode({TAGGED},'dc','max')",
    f"groupByNode({ALL},1,'asPercent')", f"groupByNode(scale({ALL},2),1,'avg')",
    f"groupByNodes({ALL},'sum',1,3)", f"groupByNodes({ALL},'diff',0)", f"groupByNodes({ALL},'sum')",
    f"groupByTags({TAGGED},'sum','dc')", f"groupByTags({TAGGED},'averageSeries','dc','name')",
    "groupByTags(seriesByTag('name=disk.used'),'max','host')",
    f"reduceSeries(mapSeries({ALL},1),'asPercent',3,'user','system')",
    f"reduce(map({ALL},1),'diffSeries',3,'user','system')", f"mapSeries({ALL},1)|sumSeries()",
    f"reduceSeries(mapSeries({ALL},1),'divideSeries',-1,'system','user')",
    f"applyByNode({ALL},1,'sumSeries(%.cpu.*)')",
    f"applyByNode({ALL},1,'divideSeries(%.cpu.user,%.cpu.system)','%.ratio')",
    f"percentileOfSeries({ALL},50)", f"percentileOfSeries({ALL},95,true)",
    f"percentileOfSeries({ALL},10,interpolate=true)", f"percentileOfSeries({MIXED},33.3)",
    f"isNonNull({ALL})", f"sumSeries(isNonNull({ALL}))",
    # Filter.
    *(
        f"filterSeries({ALL},'{kind}','{sign}',{level})"
        for kind in ("max", "min", "average", "last", "sum")
        for sign in ("=", "!=", ">", ">=", "<", "<=")
        for level in (12,)
    ),
    *(
        f"{what}{side}({ALL},{level})"
        for what in ("average", "current", "maximum", "minimum")
        for side in ("Above", "Below")
        for level in (10, 30)
    ),
    *(
        f"{name}({ALL},2)"
        for name in (
            "highest", "highestAverage", "highestCurrent", "highestMax",
            "lowest", "lowestAverage", "lowestCurrent", "limit", "mostDeviant",
        )
    ),
    f"highest({ALL},2,'stddev')", f"lowest({ALL},n=3,func='max')", f"highest({ALL},1,'last')",
    f"averageOutsidePercentile({ALL},60)", f"averageOutsidePercentile({ALL},10)",
    "removeBetweenPercentile(servers.web1.*.system,60)", "removeBetweenPercentile(fast.b,90)",
    f"removeEmptySeries({ALL})", f"removeEmptySeries({ALL},0.95)", f"limit({ALL},-1)",
    f"unique({CPU},{ONE})", f"grep({ALL},'web[2-9]')", f"exclude({ALL},'user$')",
    "useSeriesAbove(servers.web1.cpu.system,10,'system','user')",
    "useSeriesAbove(fast.b,1000,'b','a')",
    *(
        f"remove{side}{what}({ALL},{level})"
        for side in ("Above", "Below")
        for what, level in (("Value", 12), ("Percentile", 60), ("Percentile", 99.5))
    ),
    # Graph.
    f"alpha({ALL},0.5)", f"color({ALL},'red')", f"dashed({ALL})", f"dashed({ALL},2.5)",
    f"drawAsInfinite({ALL})", f"lineWidth({ALL},2)", f"secondYAxis({ALL})", f"stacked({ALL})",
    f"stacked({ALL},'pile')", "areaBetween(servers.web1.cpu.*)", f"areaBetween({ALL})",
    "threshold(5)", "threshold(5.5,'limit')", "threshold(5,'limit','blue')",
    f"verticalLine('{NOW - 600}','deploy')", f"verticalLine('{NOW - 90000}','too early')",
    f"sumSeries(derivative(secondYAxis({ALL})))",
    # Sorting.
    f"sortBy({ALL})", f"sortBy({ALL},'max')", f"sortBy({ALL},'min',true)", f"sortByMaxima({ALL})",
    f"sortByMinima({ALL})", f"sortByName({CPU})", f"sortByName({CPU},true)",
    f"sortByName({CPU},natural=true,reverse=true)", f"sortByTotal({ALL})",
    # Special.
    f"cactiStyle({ALL})", f"cactiStyle({ALL},'si')", f"cactiStyle({ALL},'binary','B')",
    f"cactiStyle({ALL},None,'rpm')", f"changed({CPU})", "changed(servers.web10.cpu.user)",
    *(
        f"consolidateBy({ALL},'{how}')"
        for how in ("sum", "average", "avg", "avg_zero", "min", "max", "first", "last")
    ),
    f"sumSeries(consolidateBy({MIXED},'max'))", f"sumSeries(consolidateBy({MIXED},'first'))",
    f"sumSeries(consolidateBy({MIXED},'avg_zero'))",
    "constantLine(42)", "constantLine(1.5)", "constantLine(-1e3)", f"cumulative({ALL})",
    "events('deploy')", "events('deploy','web1')", "events('*')", "events('nothing')",
    f"fallbackSeries({CPU},constantLine(1))", "fallbackSeries(nowhere.*,constantLine(1))",
    f"setXFilesFactor({ALL},0.5)", f"sumSeries(xFilesFactor({ALL},0.95))",
    f"summarize(setXFilesFactor({ALL},0.9),'10min')",
    "sinFunction('wave')", "sin('wave',2,30)", "time('now')", "timeFunction('now',120)",
    f"substr({ALL},1)", f"substr({ALL},1,3)", f"substr(scale({ALL},2),-1)", f"substr({ALL},0,-1)",
    # Transform.
    f"absolute(offset({ALL},-12))", f"add({ALL},10)", f"add({ALL},2.7)", f"delay({ALL},3)",
    f"delay({ALL},-2)", f"delay({ALL},0)", f"delay({ALL},500)", f"derivative({COUNT})",
    f"exp(scale({ALL},0.1))", f"integral({ALL})", f"integralByInterval({ALL},'10min')",
    "integralByInterval(fast.a,'90s')", f"interpolate({ALL})", f"interpolate({ALL},1)",
    "interpolate(nowhere.*,2)", f"invert({ALL})", f"keepLastValue({ALL})",
    f"keepLastValue({ALL},1)", f"keepLastValue({ALL},inf)", f"log({ALL})", f"log({ALL},2)",
    f"log({ALL},base=5)", f"logit(scale({ALL},0.05))", f"minMax({ALL})",
    "minMax(constantLine(5))", f"nonNegativeDerivative({COUNT})",
    "nonNegativeDerivative(fast.b,80)", "nonNegativeDerivative(fast.b,80,20)",
    "nonNegativeDerivative(fast.b,minValue=20)", f"offset({ALL},-5)", f"offsetToZero({ALL})",
    f"perSecond({COUNT})", "perSecond(fast.b,80)", "perSecond(fast.b,maxValue=90,minValue=10)",
    f"pow({ALL},2)", f"pow({ALL},0.5)", f"pow({ALL},-1)", f"round({ALL})", f"round({ALL},2)",
    f"round({ALL},-1)", f"round({ALL},precision=1)", f"scale({ALL},0.1)", f"scale({ALL},-3)",
    f"scale({ALL},'2')", f"scaleToSeconds({ALL},1)", f"scaleToSeconds({ALL},3600)",
    f"scaleToSeconds({ALL},0.5)", f"sigmoid(offset({ALL},-12))", f"squareRoot({ALL})",
    *(
        f"{name}({series},'{length}','{func}')"
        for name in ("summarize", "smartSummarize")
        for series in (ALL, "fast.a")
        for length in ("10min", "90s", "1h", "30s")
        for func in ("sum", "avg", "last", "max", "median", "count", "range", "multiply", "diff")
    ),
    f"summarize({ALL},'7min','avg',true)", f"summarize({ALL},'1h',alignToFrom=true)",
    *(
        f"smartSummarize({ALL},'1h','sum','{unit}')"
        for unit in ("hours", "days", "weeks", "weeks7", "minutes", "seconds", "months")
    ),
    f"smartSummarize({ALL},'20min','avg',true)",
    *(
        f"hitcount({series},'{length}'{align})"
        for series in (ALL, "fast.a")
        for length in ("10min", "90s", "45s", "1h", "1d")
        for align in ("", ",true")
    ),
    f"timeShift({ALL},'1h')", f"timeShift({ALL},'+1h')", f"timeShift({ALL},'1d',false)",
    f"timeShift({ALL},'1d',resetEnd=false)", f"timeShift({MIXED},'1d')",
    f"timeShift({ALL},'7d',alignDST=true)", f"timeStack({ONE},'1h',0,3)", f"timeStack({ALL})",
    f"timeStack({ONE},'1d',-1,2)", f"timeSlice({ALL},'{NOW - 1800}','{NOW - 600}')",
    f"timeSlice(fast.a,'{NOW - 1800}')", f"transformNull({ALL})", f"transformNull({ALL},-1)",
    f"transformNull({ALL},default=5.5)", f"transformNull({ALL},0,{ONE})",
    f"transformNull({ALL},1,{MIXED})", f"transformNull({ALL},1,referenceSeries=nowhere.*)",
    f"compressPeriodicGaps({ALL})", "compressPeriodicGaps(hitcount(fast.a,'45s'))",
    # What cannot be.
    "nope(a)", "scale(a.b)", f"summarize({ONE},'x')", f"log({ONE},0)",
]  # fmt: skip

WINDOWS = [
    {"from": "-1h", "until": "now"},
    {"from": "-3h", "until": "-17min", "maxDataPoints": "40"},
    {"from": "-6h", "xFilesFactor": "0.5", "maxDataPoints": "100"},
]


def asked(target, window):
    params = {"target": target, "format": "json", "noCache": "1", "now": str(NOW), **window}
    return list(params.items())


@pytest.mark.parametrize("window", WINDOWS, ids=["hour", "folded", "share"])
def test_every_function_answers_as_graphite_web(both, window):
    wrong = []
    for target in TARGETS:
        difference = compare(both, asked(target, window))
        if difference:
            wrong.append(f"{target}\n    {difference}")
    assert not wrong, f"{len(wrong)} of {len(TARGETS)} differ:\n" + "\n".join(wrong)


BESIDE = [
    ("/metrics/find", {"query": "servers.*"}),
    ("/metrics/find", {"query": "servers.*", "wildcards": "1"}),
    ("/metrics/find", {"query": "servers.web1.cpu.*", "wildcards": "1"}),
    ("/metrics/find", {"query": "servers.web{1,2}.cpu.*"}),
    ("/metrics/find", {"query": "servers.*.*", "leavesOnly": "1"}),
    ("/metrics/find", {"query": "nowhere.*"}),
    ("/metrics/find", {"query": "serv", "format": "completer"}),
    ("/metrics/find", {"query": "servers.", "format": "completer"}),
    ("/metrics/find", {"query": "servers.web1.cpu.", "format": "completer", "wildcards": "1"}),
    ("/metrics/find", {"query": "servers..cpu", "format": "completer"}),
    ("/metrics/find", {"query": "servers.web1,web2", "format": "completer", "automatic_variants": "1"}),
    ("/metrics/find", {"query": "servers.*.*", "format": "nodelist", "position": "1"}),
    ("/metrics/find", {"query": "servers.*.*", "format": "nodelist"}),
    ("/metrics/find", {"query": "fast.*", "jsonp": "draw"}),
    ("/metrics/find", {}),
    ("/metrics/find", {"query": ""}),
    ("/metrics/find", {"query": "a", "format": "poem"}),
    ("/metrics/find", {"query": "a", "wildcards": "many"}),
    ("/metrics/expand", {"query": "servers.*.cpu"}),
    ("/metrics/expand", {"query": "servers.*.cpu.*", "leavesOnly": "1"}),
    ("/metrics/expand", {"query": "servers.web*", "groupByExpr": "1"}),
    ("/metrics/expand", {}),
    ("/tags/findSeries", {"expr": "name=disk.used"}),
    ("/tags/findSeries", {"expr": "name=~disk"}),
    ("/tags/findSeries", {"expr": "host!="}),
    ("/tags/findSeries", {}),
    ("/tags/autoComplete/tags", {}),
    ("/tags/autoComplete/tags", {"tagPrefix": "h"}),
    ("/tags/autoComplete/tags", {"expr": "name=disk.used"}),
    ("/tags/autoComplete/tags", {"expr": "host=web1", "limit": "1"}),
    ("/tags/autoComplete/values", {"tag": "host"}),
    ("/tags/autoComplete/values", {"tag": "host", "valuePrefix": "web"}),
    ("/tags/autoComplete/values", {"tag": "host", "expr": "dc=us"}),
    ("/tags/autoComplete/values", {"tag": "name", "limit": "2"}),
    ("/tags/autoComplete/values", {}),
    ("/events/get_data", {"from": str(NOW - 3600), "until": str(NOW)}),
    ("/events/get_data", {"from": str(NOW - 3600), "until": str(NOW), "tags": "web1"}),
    ("/events/get_data", {"from": str(NOW - 200), "until": str(NOW), "tags": "deploy"}),
    ("/functions/nope", {}),
    *(
        ("/render", {"target": target, "format": shape, "from": "-5min", **more})
        for target in ("fast.a", ALL, "nowhere.*", "identity('now')")
        for shape in ("csv", "raw", "dygraph", "rickshaw")
        for more in ({}, {"tz": "Asia/Tokyo"})
    ),
    *(
        ("/render", {"target": target, "format": "json", "from": "-2h", **more})
        for target in ("fast.a", MIXED, "constantLine(5)")
        for more in (
            {"noNullPoints": "1"},
            {"maxDataPoints": "1"},
            {"maxDataPoints": "7"},
            {"maxDataPoints": "13", "noNullPoints": "1"},
            {"jsonp": "draw"},
            {"from": "-1d", "until": "-1d"},
            {"from": "midnight yesterday", "until": "noon yesterday", "tz": "America/New_York"},
            {"from": "00:00_20231114", "until": "06:00_20231114", "tz": "Asia/Shanghai"},
            {"from": "monday", "maxDataPoints": "100"},
            {"from": "nonsense"},
            {"from": "now", "until": "-90s"},
            {"until": "now+1h"},
            {"xFilesFactor": "0.95", "maxDataPoints": "10"},
        )
    ),
]  # fmt: skip


def plain(text, path):
    """An answer to be compared: what is counted by a database differs."""
    try:
        answer = json.loads(text)
    except ValueError:
        return "".join(map(_shortened, re.split(r"([,|\s])", text)))
    if path == "/events/get_data":
        return [{**event, "id": 0} for event in answer]
    return json.loads(json.dumps(answer), parse_float=lambda number: float(_shortened(number)))


def _shortened(word):
    try:
        return f"{float(word):.9g}"
    except ValueError:
        return word


def test_other_answers_are_those_of_graphite_web(both):
    theirs, ours = both
    wrong = []
    for path, params in BESIDE:
        pairs = list({"now": str(NOW), "noCache": "1", **params}.items())
        (their_status, expected), (status, found) = theirs(path, pairs), ours(path, pairs)
        refused = their_status >= 400 and 400 <= status < 500
        if not refused and (their_status, plain(expected, path)) != (status, plain(found, path)):
            wrong.append(
                f"{path} {params}\n  {their_status} {expected[:300]}\n  {status} {found[:300]}"
            )
    assert not wrong, "\n".join(wrong)


def test_functions_are_described_as_by_graphite_web(both):
    theirs, ours = both
    expected, found = (json.loads(get("/functions", [])[1]) for get in (theirs, ours))
    assert sorted(found) == sorted(expected)
    for name, declared in expected.items():
        for key in ("name", "group", "params"):
            assert declared[key] == found[name][key], f"{name} {key}"


def _composed(rng, depth):
    """A target of functions inside each other, of arguments that make sense for them."""
    if depth == 0:
        return rng.choice([ONE, CPU, ALL, MIXED, TAGGED, "fast.*", COUNT, TIME, "odd.*"])
    inner = _composed(rng, depth - 1)
    other = _composed(rng, 0)
    number = rng.choice([-3, 0.5, 2, 10, 1e-2, 100])
    small = rng.randrange(1, 6)
    node = rng.choice([0, 1, 2, -1, "'host'", "'dc'", 7])
    fold = rng.choice(
        ["average", "avg_zero", "median", "sum", "min", "max", "diff", "stddev", "count", "range",
         "multiply", "last", "current", "total"]
    )  # fmt: skip
    length = rng.choice(["30s", "1min", "90s", "5min", "7min", "1h", "2h30min"])
    switch = rng.choice(["true", "false"])
    return rng.choice(
        [
            *(
                f"{name}({inner})"
                for name in (
                    "absolute", "averageSeries", "changed", "compressPeriodicGaps", "countSeries",
                    "cumulative", "derivative", "diffSeries", "integral", "interpolate", "invert",
                    "isNonNull", "keepLastValue", "log", "logit", "maxSeries", "minMax",
                    "minSeries", "multiplySeries", "nonNegativeDerivative", "offsetToZero",
                    "perSecond", "rangeOfSeries", "round", "sortByMaxima", "sortByMinima",
                    "sortByName", "sortByTotal", "squareRoot", "stddevSeries", "sumSeries",
                    "transformNull", "removeEmptySeries", "aliasByMetric", "stacked", "asPercent",
                    "linearRegression", "exp", "sigmoid", "aggregateLine",
                )
            ),
            *(
                f"{name}({inner},{number})"
                for name in (
                    "add", "averageAbove", "averageBelow", "currentAbove", "maximumBelow",
                    "minimumAbove", "offset", "removeAboveValue", "removeBelowValue", "scale",
                    "scaleToSeconds", "transformNull", "pow",
                )
            ),
            *(
                f"{name}({inner},{small})"
                for name in (
                    "delay", "highestAverage", "highestMax", "interpolate", "keepLastValue",
                    "limit", "lowestCurrent", "mostDeviant", "movingAverage", "movingMax",
                    "movingMedian", "movingSum", "movingMin", "substr",
                    "exponentialMovingAverage",
                )
            ),
            *(
                f"{name}({inner},{small * 17})"
                for name in ("nPercentile", "percentileOfSeries", "removeAbovePercentile",
                             "removeBelowPercentile", "averageOutsidePercentile")
            ),
            *(
                f"{name}({inner},'{length}')"
                for name in ("movingAverage", "movingMedian", "timeShift", "integralByInterval",
                             "exponentialMovingAverage")
            ),
            f"aggregate({inner},'{fold}')", f"aggregateLine({inner},'{fold}',{switch})",
            f"highest({inner},{small},'{fold}')", f"sortBy({inner},'{fold}',{switch})",
            f"movingWindow({inner},{small},'{fold}')", f"movingWindow({inner},'{length}','{fold}')",
            f"summarize({inner},'{length}','{fold}',{switch})",
            f"smartSummarize({inner},'{length}','{fold}')", f"hitcount({inner},'{length}',{switch})",
            f"aliasByNode({inner},{node})", f"groupByNode({inner},{node},'{fold}')",
            f"groupByNodes({inner},'{fold}',{node},{small})", f"groupByTags({inner},'{fold}','name')",
            f"asPercent({inner},{other})", f"asPercent({inner},None,{node})",
            f"asPercent({inner},{other},{node})", f"asPercent({inner},{number})",
            f"divideSeries({inner},sumSeries({other}))", f"sumSeries({inner},{other})",
            f"diffSeries({inner},{other})", f"multiplySeries({inner},{other})",
            f"powSeries({inner},{other})", f"group({inner},{other})", f"unique({inner},{other})",
            f"sumSeriesWithWildcards({inner},{small})", f"weightedAverage({inner},{inner},{node})",
            f"consolidateBy({inner},'{rng.choice(['sum', 'max', 'min', 'first', 'last'])}')",
            f"setXFilesFactor({inner},{rng.choice([0.3, 0.5, 1])})", f"alias({inner},'x')",
            f"legendValue({inner},'{fold}')", f"cactiStyle({inner},'si')",
            f"filterSeries({inner},'{fold}','>',{number})", f"timeStack({inner},'{length}',0,2)",
            f"transformNull({inner},{number},{other})", f"fallbackSeries({inner},{other})",
            f"timeSlice({inner},'{NOW - 2000}','{NOW - 500}')",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_composed_targets_answer_as_in_graphite_web(both, seed):
    rng = random.Random(seed)
    wrong = []
    for _ in range(150):
        target = _composed(rng, rng.choice([1, 2, 2, 3]))
        window = rng.choice(
            [
                *WINDOWS,
                {"from": "-30min", "until": "-7s"},
                {"from": f"{NOW - 4321}", "until": f"{NOW - 77}", "maxDataPoints": "37"},
            ]
        )
        difference = compare(both, asked(target, window))
        if difference:
            wrong.append(f"{target} {window}\n    {difference}")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong)
