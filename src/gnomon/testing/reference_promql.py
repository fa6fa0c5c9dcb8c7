"""The reference page of PromQL, made from the declarations of its functions and operators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gnomon.server.query.promql.binary import HISTOGRAM_OPERATORS, OPERATORS, SET_HELP
from gnomon.server.query.promql.functions.catalogue import FAMILIES
from gnomon.server.query.promql.functions.declare import Function
from gnomon.server.query.promql.syntax import AGGREGATIONS

MADE = "<!-- Made from the code by `make docs`; changes here are lost. -->"
ABOUT = """\
Gnomon answers PromQL as Prometheus 3 does: whole language, same functions, same results, same remarks. In Grafana, add a data
source of type Prometheus with the server's URL. What Prometheus keeps behind feature flags is always on: experimental functions,
durations with arithmetic (`rate(x[5m * 2])`, `x[step()]`), `anchored` and `smoothed` ranges, `fill` for missing partners, and the
late dropping of metric names.

## Names

A metric keeps the name it came with. One that is no classic Prometheus name has two: `{"system.cpu.user", host="web1"}` finds it by
its own, `system_cpu_user{host="web1"}` by the classic form, in which every other character is `_`. A series answers under the name
it was asked by. A condition such as `__name__!="..."` has to hold for both.

## HTTP API

As Prometheus', under `/api/v1`: `query`, `query_range`, `series`, `labels`, `label/<name>/values`, `metadata`, `format_query`,
`parse_query`, `query_exemplars` (always empty), `rules`, `alerts`, `targets`, `alertmanagers`; GET or, for the first ones, POST with a form.
Times are seconds, with a fraction if need be, or RFC 3339; durations are seconds or `5m`.

| parameter | of | what |
|---|---|---|
| `query` | `query`, `query_range` | the expression |
| `time` | `query` | when; now unless given |
| `start`, `end`, `step` | `query_range` | the steps |
| `points` | `query_range` | in place of `step`: the window is cut into so many parts |
| `align` | `query_range` | `true`: with `points`, both ends move up to the next multiple of a part, counted from local midnight of the day the window begins; its length stays. 16:40:45-17:10:45 in 30 points becomes 16:41-17:11 |
| `tz` | `query_range` | time zone for `align`: `Europe/Berlin` or `+05:30`; UTC unless given |
| `timeout` | all | duration after which the query is stopped (503, `timeout`); two minutes unless given, which is also the most |
| `lookback_delta` | `query`, `query_range` | how far back a sample still counts as the current value; five minutes unless given |
| `limit` | all | at most so many series, names or values; the answer says when some were left out |
| `stats` | `query`, `query_range` | not empty: what the query touched and how long it took |
| `match[]` | `series`, `labels`, `label/<name>/values` | selectors; several are united |

Errors are `{"status":"error","errorType":...,"error":...}`: 400 `bad_data` (the expression or a parameter cannot be read; the message
has the place), 422 `execution` (it makes no sense over this data, or touches too much: the message says what to change), 503
`timeout`. A query whose client has gone is stopped. A range query may have 11,000 steps.

Native histograms are not stored yet; the classic ones, with their `le` label, are."""


def pages() -> Iterator[tuple[str, str]]:
    """File name and text of the page."""
    yield "promql.md", page()


def page() -> str:
    """Everything that can be written in an expression."""
    lines = ["# PromQL", "", MADE, "", ABOUT, "", "## Functions", ""]
    count = sum(len(family.functions) for family in FAMILIES)
    lines += [f"{count} of them. φ is a quantile: a number from 0 to 1.", ""]
    for family in FAMILIES:
        lines += [f"### {family.title}", ""]
        lines += _table(
            "function", [(_call(one), one.help) for one in sorted(family.functions, key=_name)]
        )
    lines += ["## Aggregations", "", "With `by (label, ...)` or `without (label, ...)`.", ""]
    lines += _table(
        "aggregation", [(_aggregation(name), AGGREGATIONS[name].help) for name in AGGREGATIONS]
    )
    lines += [
        "## Operators",
        "",
        "From the loosest to the tightest: `or` · `and`, `unless` · comparisons · `+`, `-` · `*`, `/`, `%`, `atan2` · `^`.",
        "Series match by all their labels, or by those in `on (...)`, or by all but those in `ignoring (...)`; `group_left (...)`",
        "and `group_right (...)` let many of one side meet one of the other, whose labels in parentheses they take over;",
        "`fill (x)`, `fill_left (x)` and `fill_right (x)` stand in for a partner that is missing. A comparison keeps the series",
        "it holds for, or with `bool` gives 1 and 0.",
        "",
    ]
    rows = [(f"`{name}`", one.help) for name, one in OPERATORS.items()]
    rows += [(f"`{name}`", text) for name, text in SET_HELP.items()]
    rows += [
        (f"`{name}`", "Trims native histograms; nothing for floats.")
        for name in sorted(HISTOGRAM_OPERATORS)
    ]
    return "\n".join([*lines, *_table("operator", rows)])


def _call(function: Function) -> str:
    parts = [str(kind) for kind in function.args]
    for index in range(function.least, len(parts)):
        parts[index] = f"[{parts[index]}]"
    if function.more:
        parts.append("...")
    return f"`{function.name}({', '.join(parts)})`"


def _aggregation(name: str) -> str:
    parameter = AGGREGATIONS[name].parameter
    return f"`{name}({f'{parameter}, ' if parameter else ''}instant vector)`"


def _name(function: Function) -> str:
    return function.name


def _table(head: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    lines = [f"| {head} | gives |", "|---|---|"]
    lines += [f"| {first} | {second} |".replace("||", "\\|\\|") for first, second in rows]
    return [*lines, ""]
