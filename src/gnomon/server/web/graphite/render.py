"""`/render`: the series of one or more targets."""

from __future__ import annotations

import json
import pickle  # written for clients that ask for it, never read
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gnomon.server.query.graphite import render
from gnomon.server.query.graphite.consolidation import fitted
from gnomon.server.query.graphite.engine import Question
from gnomon.server.query.graphite.timeseries import SeriesList, timestamps
from gnomon.server.web.graphite.parameters import (
    BadRequest,
    Handler,
    Parameters,
    answering,
    parameters,
    seconds,
    several,
    wrapped,
    zone_of,
)
from gnomon.server.web.graphite.shared import Shared

DAY = 86400


class Answer(NamedTuple):
    """What was found, and what the client wants it as."""

    series: SeriesList
    given: Parameters
    zone: tzinfo


def handler(shared: Shared) -> Handler:
    """`GET` and `POST /render`."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        write = _format(given)
        question = _question(given, shared.now())
        return await shared.compute(lambda: _answered(shared, question, given, write))

    return answer


def _answered(
    shared: Shared, question: Question, given: Parameters, write: Callable[[Answer], Response]
) -> Response:
    series = shared.engine().answer(question)
    return write(Answer(series, given, question.zone))


def _question(given: Parameters, now: int) -> Question:
    zone = zone_of(given)
    now = seconds(given, "now", now, zone, now)
    until = seconds(given, "until", now, zone, now)
    start = seconds(given, "from", now - DAY, zone, now)
    if start == until:
        raise BadRequest("Invalid parameters (Invalid empty time range)")
    return Question(
        several(given, "target"),
        min(start, until),
        max(start, until),
        now,
        zone,
        _share(given.get("xFilesFactor", "0")),
        {
            name[len("template[") : -1]: value
            for name, value in given.items()
            if name.startswith("template[")
        },
    )


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadRequest(f"invalid value {text!r} for xFilesFactor: expected a number") from None


def _format(given: Parameters) -> Callable[[Answer], Response]:
    """The way to write the answer; JSON unless something else is asked for."""
    name = given.get("format")
    if name is None:
        name = "pickle" if "pickle" in given else "raw" if "rawData" in given else "json"
    write = FORMATS.get(name)
    if write is None:
        raise BadRequest(f"unknown format {name!r}; known: {', '.join(FORMATS)}")
    return write


def _json(answer: Answer) -> Response:
    most = answer.given.get("maxDataPoints", "")
    series = fitted(answer.series, int(most) if most.isdecimal() else None)
    text = render.as_json(
        series,
        no_nulls="noNullPoints" in answer.given,
        indent=2 if answer.given.get("pretty") else None,
    )
    return wrapped(answer.given, text)


def _csv(answer: Answer) -> Response:
    return Response(render.as_csv(answer.series, answer.zone), media_type="text/csv")


def _raw(answer: Answer) -> Response:
    return Response(render.as_raw(answer.series), media_type="text/plain")


def _pickle(answer: Answer) -> Response:
    information = render.as_information(answer.series)
    return Response(pickle.dumps(information, protocol=2), media_type="application/pickle")


def _msgpack(answer: Answer) -> Response:
    information = render.as_information(answer.series)
    return Response(msgspec.msgpack.encode(information), media_type="application/x-msgpack")


def _dygraph(answer: Answer) -> Response:
    """Rows of the first series' times, a column for each series."""
    if not answer.series:
        return wrapped(answer.given, "{}")
    first = answer.series[0]
    times = timestamps(first)
    columns = [render.numbers(series) for series in answer.series]
    rows = [
        f"[{', '.join([f'{time}000', *(column[place] for column in columns if place < len(column))])}]"
        for place, time in enumerate(times[times < first.end].tolist())
    ]
    labels = json.dumps(["Time", *(series.name for series in answer.series)])
    return wrapped(answer.given, f'{{"labels" : {labels}, "data" : [{", ".join(rows)}]}}')


def _rickshaw(answer: Answer) -> Response:
    """`x` and `y` for each point."""
    shown = [
        f'{{"target": {json.dumps(series.name)}, "datapoints": ['
        + ", ".join(
            f'{{"x": {time}, "y": {value}}}'
            for time, value in zip(timestamps(series).tolist(), render.numbers(series), strict=True)
            if time < series.end
        )
        + "]}"
        for series in answer.series
    ]
    return wrapped(answer.given, f"[{', '.join(shown)}]")


FORMATS: Mapping[str, Callable[[Answer], Response]] = {
    "json": _json,
    "csv": _csv,
    "raw": _raw,
    "pickle": _pickle,
    "msgpack": _msgpack,
    "dygraph": _dygraph,
    "rickshaw": _rickshaw,
}
