"""Runs PromQL behaviour scripts: the test language of Prometheus' `promqltest`.

::

    load 1m
      requests_total{job="api"} 0+10x100 _ stale

    eval instant at 10m rate(requests_total[5m])
      expect no_warn
      {job="api"} 0.16666666666666666

    eval range from 0 to 10m step 5m requests_total
      requests_total{job="api"} 0 50 100

An instant query is also asked as the middle step of a range query, and with every selector pinned
by `@` at other times: all of them must agree. Native histograms (`{{...}}`) are read over; a case
that touches one says so in its outcome.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gnomon.core.model import NAME_LABEL, Labels
from gnomon.server.query.promql.engine import Answer, Engine
from gnomon.server.query.promql.errors import QueryError
from gnomon.server.query.promql.parser import parse, parse_selector
from gnomon.server.query.promql.pinning import pinned
from gnomon.server.query.promql.printer import render
from gnomon.server.query.promql.text import parse_duration, parse_number, unquote
from gnomon.server.query.promql.value import (
    STALE_BITS,
    Identity,
    Samples,
    Vector,
    full_labels,
)
from gnomon.server.query.select import Selected
from gnomon.server.store.interface import Matcher

_COMMAND = re.compile(r"(?:eval(?:_\w+)?|load(?:_with_nhcb)?)\s|clear$")
_EVAL_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+))?\s+(.+)")
_EVAL_RANGE = re.compile(
    r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)"
)
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?")
_EXPECT_RANGE = re.compile(r"expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)")
_NUMBER = r"(?:[Ii]nf|[Nn]a[Nn]|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"
_POINT = re.compile(
    rf"\s*(?:(?P<blank>_)|(?P<stale>stale)|(?P<histogram>\{{\{{.*?\}}\}}(?:[-+]\{{\{{.*?\}}\}})?)"
    rf"|(?P<value>[-+]?{_NUMBER})(?P<growth>[-+]{_NUMBER}(?=x))?)(?:x(?P<times>[0-9]+))?(?=\s|$)"
)
_NATIVE_FUNCTION = re.compile(r"histogram_(count|sum|avg|stddev|stdvar)\(")
_QUERY_CONTEXT = re.compile(r"(start|end|range|step)\(\)")
_STALE = float(np.array([STALE_BITS], dtype=np.int64).view(np.float64)[0])
_EPSILON = 1e-6
_SMALLEST_NORMAL = 2.2250738585072014e-308
_MINUTE = 60_000


class ScriptError(Exception):
    """The script itself cannot be read."""


class Mismatch(Exception):
    """A query did not do what the script expects."""


class Outcome(NamedTuple):
    """What became of one `eval`."""

    line: int
    query: str
    problem: str
    """ "" when it went as expected."""
    native: bool
    """It touches or expects a native histogram."""


class Point(NamedTuple):
    """One place in a series of values; `value` is None where there is nothing."""

    value: float | None
    native: bool = False


@dataclass
class Case:
    """One `eval` and what it expects."""

    line: int
    query: str
    start: int
    end: int
    step: int
    ranged: bool
    ordered: bool = False
    scalar: float | None = None
    text: str | None = None
    series: dict[Labels, list[Point]] = field(default_factory=dict[Labels, list[Point]])
    expectations: dict[str, list[re.Pattern[str]]] = field(
        default_factory=dict[str, list[re.Pattern[str]]]
    )
    once: bool = False
    """Not to be asked again as a range query."""
    raw: bool = False
    """The answer is a range vector with these times."""


class ScriptSource:
    """Holds what the script loads; the engine reads from it."""

    def __init__(self) -> None:
        self.samples: dict[Labels, dict[int, float]] = {}
        self.native: dict[Labels, set[int]] = {}
        self.touched_native = False

    def load(self, labels: Labels, step: int, points: Sequence[Point]) -> None:
        """Values at 0, step, 2 * step ..."""
        for index, point in enumerate(points):
            if point.native:
                self.native.setdefault(labels, set()).add(index * step)
            elif point.value is not None:
                self.samples.setdefault(labels, {})[index * step] = point.value

    def raw(self, matchers: Sequence[Matcher], start: int, end: int) -> Selected:
        """All samples of the series that match, in the closed range."""
        if any(
            start <= time <= end
            for labels, times in self.native.items()
            if _matches(labels, matchers)
            for time in times
        ):
            self.touched_native = True
        names: list[str] = []
        labels_of_rows: list[Labels] = []
        offsets, times, values = [0], list[int](), list[float]()
        for labels in sorted(self.samples):
            if not _matches(labels, matchers):
                continue
            inside = sorted((t, v) for t, v in self.samples[labels].items() if start <= t <= end)
            if inside:
                name, rest = _split(labels)
                names.append(name)
                labels_of_rows.append(rest)
                times += [time for time, _ in inside]
                values += [value for _, value in inside]
                offsets.append(len(times))
        return Selected(
            names,
            labels_of_rows,
            np.array(offsets, dtype=np.int64),
            np.array(times, dtype=np.int64),
            np.array(values, dtype=np.float64),
        )

    def series(
        self, matchers: Sequence[Matcher], start: int | None = None, end: int | None = None
    ) -> list[Identity]:
        """Name and labels of the series that match."""
        del start, end
        return [_split(labels) for labels in sorted(self.samples) if _matches(labels, matchers)]


def run_script(text: str) -> Iterator[Outcome]:
    """Runs all commands in order; an outcome for each `eval`."""
    source = ScriptSource()
    lines = [_stripped(line) for line in text.split("\n")]
    index = 0
    while index < len(lines):
        line = lines[index]
        block = [line]
        if line and not line.startswith("clear"):
            while index + len(block) < len(lines) and _continues(lines[index + len(block)]):
                block.append(lines[index + len(block)])
        if line.startswith("clear"):
            source = ScriptSource()
        elif line.startswith("load"):
            _load(source, block, index + 1)
        elif line.startswith("eval"):
            yield _run(source, _case(block, index + 1))
        elif line:
            raise ScriptError(f"line {index + 1}: not a command: {line}")
        index += len(block)


def _continues(line: str) -> bool:
    return bool(line) and _COMMAND.match(line) is None


def _stripped(line: str) -> str:
    line = line.strip()
    return "" if line.startswith("#") else line


def _load(source: ScriptSource, block: Sequence[str], line: int) -> None:
    command, _, gap = block[0].partition(" ")
    step = parse_duration(gap.strip())
    for offset, definition in enumerate(block[1:], start=1):
        if re.match(r"\S+@st\s", definition):
            continue
        labels, points = _series(definition, line + offset)
        source.load(labels, step, points)
        if command == "load_with_nhcb":
            base = re.sub(r"_(bucket|sum|count)$", "", dict(labels)[NAME_LABEL])
            rest = tuple(pair for pair in labels if pair[0] not in (NAME_LABEL, "le"))
            native = [Point(None, native=point.value is not None) for point in points]
            source.load(full_labels(base, rest), step, native)


def _series(definition: str, line: int) -> tuple[Labels, list[Point]]:
    """`name{label="value"} points`."""
    match = re.match(
        r'\s*([a-zA-Z_:][\w:]*)?\s*(\{(?:[^"}]|"(?:\\.|[^"\\])*")*\}(?!\}))?', definition
    )
    assert match is not None
    selector = match.group().strip()
    labels: dict[str, str] = {}
    if match.group(1):
        labels[NAME_LABEL] = match.group(1)
    if match.group(2) and match.group(2).strip("{} "):
        for matcher in parse_selector(match.group(2)):
            labels[matcher.label] = matcher.value
    if not selector and not definition.strip().startswith("{"):
        raise ScriptError(f"line {line}: not a series: {definition}")
    return tuple(sorted((k, v) for k, v in labels.items() if v)), _points(
        definition[match.end() :], line
    )


def _points(text: str, line: int) -> list[Point]:
    points: list[Point] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _POINT.match(text, position)
        if match is None:
            raise ScriptError(f"line {line}: not a value: {text[position:]}")
        position = match.end()
        points += _repeated(match)
    return points


def _repeated(match: re.Match[str]) -> list[Point]:
    times = int(match["times"]) if match["times"] else 0
    if match["blank"]:
        return [Point(None)] * max(times, 1)
    if match["histogram"]:
        return [Point(None, native=True)] * (times + 1)
    if match["stale"]:
        return [Point(_STALE)] * (times + 1)
    value, growth = parse_number(match["value"]), 0.0
    if match["growth"]:
        growth = parse_number(match["growth"])
    points: list[Point] = []
    for _ in range(times + 1):
        points.append(Point(value))
        value += growth
    return points


# --- eval


def _case(block: Sequence[str], line: int) -> Case:
    instant, ranged = _EVAL_INSTANT.fullmatch(block[0]), _EVAL_RANGE.fullmatch(block[0])
    if instant:
        at = parse_duration(instant[2] or "0")
        case = Case(line, instant[3], at, at, _MINUTE, ranged=False)
        mode = instant[1]
    elif ranged:
        start, end, step = (parse_duration(ranged[group]) for group in (2, 3, 4))
        case = Case(line, ranged[5], start, end, step, ranged=True)
        mode = ranged[1]
    else:
        raise ScriptError(f"line {line}: not an eval: {block[0]}")
    if mode == "ordered":
        case.ordered = True
    elif mode:
        case.expectations.setdefault(mode, []).append(re.compile(""))
    for offset, text in enumerate(block[1:], start=1):
        _expectation(case, text, line + offset)
    return case


def _expectation(case: Case, text: str, line: int) -> None:
    window = _EXPECT_RANGE.fullmatch(text)
    if window:
        case.start, case.end, case.step = (parse_duration(window[group]) for group in (1, 2, 3))
        case.once = case.raw = True
    elif text.startswith("expect string"):
        case.text, case.once = unquote(text.removeprefix("expect string").strip()), True
    elif text.startswith("expect "):
        match = _EXPECT.fullmatch(text)
        if match is None:
            raise ScriptError(f"line {line}: not an expectation: {text}")
        pattern = match[3].strip() if match[3] else ""
        if match[2] == "msg":
            pattern = rf"\A{re.escape(pattern)}\Z"
        case.ordered |= match[1] == "ordered"
        case.expectations.setdefault(match[1], []).append(re.compile(pattern))
    elif text.startswith(("expected_fail_message", "expected_fail_regexp")):
        word, _, pattern = text.partition(" ")
        exact = word == "expected_fail_message"
        pattern = rf"\A{re.escape(pattern.strip())}\Z" if exact else pattern.strip()
        case.expectations["fail"] = [re.compile(pattern)]
    elif re.fullmatch(rf"[-+]?(?:{_NUMBER}|0x[0-9a-fA-F]+)", text):
        case.scalar = parse_number(text)
    else:
        labels, points = _series(text, line)
        case.series[labels] = points


def _run(source: ScriptSource, case: Case) -> Outcome:
    source.touched_native = any(p.native for points in case.series.values() for p in points)
    source.touched_native |= _NATIVE_FUNCTION.search(case.query) is not None
    problem = ""
    try:
        if case.ranged:
            _check(source, case, case.query, None)
        else:
            for query, time in _variants(case):
                _check(source, case, query, time)
    except Mismatch as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001  a crash of the engine is an outcome, too
        problem = f"{type(error).__name__}: {error}"
    return Outcome(case.line, case.query, problem, source.touched_native)


def _variants(case: Case) -> Iterator[tuple[str, int]]:
    """The query itself, and with its selectors pinned to its time and asked at others."""
    at = case.end
    yield case.query, at
    try:
        fixed = pinned(parse(case.query), at)
    except QueryError:
        return
    if fixed is None:
        return
    others = (-10 * at, 0, at // 5, at, 10 * at) if at else (-1000, 0, 1000)
    for time in others:
        yield render(fixed), time


def _check(source: ScriptSource, case: Case, query: str, time: int | None) -> None:
    engine = Engine(source)
    failing = case.expectations.get("fail")
    try:
        if time is None:
            answer = engine.range(query, case.start, case.end, case.step)
        else:
            answer = engine.instant(query, time)
    except QueryError as error:
        if failing and all(pattern.search(str(error)) for pattern in failing):
            return
        raise Mismatch(f"{query}: failed: {error}") from None
    if failing:
        raise Mismatch(f"{query}: did not fail")
    _check_annotations(case, answer)
    _compare(case, answer, query)
    if time is None or case.once or case.ordered or _QUERY_CONTEXT.search(query):
        return
    around = engine.range(query, time - _MINUTE, time + _MINUTE, _MINUTE)
    _compare(case, _middle(around), f"{query} (in a range query)")


def _middle(answer: Answer) -> Answer:
    """The second step, as an instant query would answer it."""
    value = answer.value
    if isinstance(value, Vector):
        part = value._replace(values=value.values[:, 1:2], present=value.present[:, 1:2])
        return answer._replace(value=part.without_empty(), kind="vector")
    return answer._replace(value=value[1:2], kind="scalar")  # type: ignore[index]


def _check_annotations(case: Case, answer: Answer) -> None:
    for word, found in (("warn", answer.warnings), ("info", answer.infos)):
        wanted = case.expectations.get(word)
        if case.expectations.get(f"no_{word}") and found:
            raise Mismatch(f"unexpected {word}: {found}")
        if not wanted:
            continue
        if not found:
            raise Mismatch(f"expected {word}, got none")
        for pattern in wanted:
            if not any(pattern.search(text) for text in found):
                raise Mismatch(f"expected {word} {pattern.pattern}, got {found}")
        for text in found:
            if not any(pattern.search(text) for pattern in wanted):
                raise Mismatch(f"unexpected {word}: {text}")


def _compare(case: Case, answer: Answer, query: str) -> None:
    value = answer.value
    if isinstance(value, str):
        if value != case.text:
            raise Mismatch(f"{query}: expected string {case.text!r}, got {value!r}")
    elif isinstance(value, Samples):
        _compare_raw(case, value, query)
    elif isinstance(value, Vector):
        _compare_vector(case, answer, value, query)
    elif case.ranged:
        wanted = case.series.get((), [])
        _compare_points(wanted, list(value), f"{query}: {{}}")
    elif case.scalar is None or not almost_equal(case.scalar, float(value[0])):
        raise Mismatch(f"{query}: expected scalar {case.scalar}, got {value}")


def _compare_vector(case: Case, answer: Answer, vector: Vector, query: str) -> None:
    rows = [full_labels(name, labels) for name, labels in vector.identities()]
    if case.scalar is not None:
        raise Mismatch(f"{query}: expected a scalar, got a vector")
    if set(rows) != set(case.series):
        missing, extra = set(case.series) - set(rows), set(rows) - set(case.series)
        raise Mismatch(f"{query}: missing {missing or 'none'}, unexpected {extra or 'none'}")
    if case.ordered and rows != list(case.series):
        raise Mismatch(f"{query}: expected order {list(case.series)}, got {rows}")
    if answer.kind == "matrix" and rows != sorted(rows):
        raise Mismatch(f"{query}: not sorted")
    for row, labels in enumerate(rows):
        found = [
            float(value) if there else None
            for value, there in zip(vector.values[row], vector.present[row], strict=True)
        ]
        _compare_points(case.series[labels], found, f"{query}: {labels}")


def _compare_raw(case: Case, samples: Samples, query: str) -> None:
    grid = range(case.start, case.end + 1, case.step)
    found: dict[Labels, list[float | None]] = {}
    for row, (name, labels) in enumerate(zip(samples.names, samples.labels, strict=True)):
        part = slice(int(samples.offsets[row]), int(samples.offsets[row + 1]))
        values = dict(
            zip(samples.timestamps[part].tolist(), samples.values[part].tolist(), strict=True)
        )
        if values:
            found[full_labels(name, labels)] = [values.pop(time, None) for time in grid]
        if values:
            raise Mismatch(f"{query}: {labels}: unexpected times {sorted(values)}")
    if set(found) != set(case.series):
        raise Mismatch(f"{query}: expected {list(case.series)}, got {list(found)}")
    for labels, values in found.items():
        _compare_points(case.series[labels], values, f"{query}: {labels}")


def _compare_points(wanted: Sequence[Point], found: Sequence[float | None], what: str) -> None:
    expected = [point.value for point in wanted]
    expected += [None] * (len(found) - len(expected))
    if len(expected) > len(found):
        raise Mismatch(f"{what}: {len(expected)} points expected, {len(found)} possible")
    for want, got in zip(expected, found, strict=True):
        same = want is got if want is None or got is None else almost_equal(want, got)
        if not same:
            raise Mismatch(f"{what}: expected {expected}, got {list(found)}")


def almost_equal(a: float, b: float) -> bool:
    """Equal up to a relative difference of one in a million; NaN equals NaN."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    size, distance = abs(a) + abs(b), abs(a - b)
    if a == 0 or b == 0 or size < _SMALLEST_NORMAL:
        return distance < _EPSILON * _SMALLEST_NORMAL
    return distance / min(size, 1.7976931348623157e308) < _EPSILON


def _matches(labels: Labels, matchers: Sequence[Matcher]) -> bool:
    table = dict(labels)
    return all(matcher.matches(table.get(matcher.label, "")) for matcher in matchers)


def _split(labels: Labels) -> Identity:
    table = dict(labels)
    name = table.pop(NAME_LABEL, "")
    return name, tuple(sorted(table.items()))
