"""`/tags/*`: which tags there are, what values they have, which series carry them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gnomon.core.model import Metric, Series
from gnomon.server.query.graphite import tagged
from gnomon.server.query.graphite.names import (
    label_of,
    parse_tagged,
    tag_of,
    tagged_path,
    tags_of,
)
from gnomon.server.query.graphite.pattern import regex
from gnomon.server.store.interface import Matcher, MatchOp
from gnomon.server.web.graphite.parameters import (
    BadRequest,
    Handler,
    Parameters,
    answering,
    as_json,
    number,
    parameters,
    several,
)
from gnomon.server.web.graphite.shared import Shared

_MOST_COMPLETIONS = 100


def names(shared: Shared) -> Handler:
    """`/tags`: all tags; `filter` is a regular expression for their beginning."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        found = await shared.compute(lambda: _tags(shared, []))
        kept = _limited(_filtered(found, given), number(given, "limit"))
        return as_json(given, [{"id": place, "tag": tag} for place, tag in enumerate(kept, 1)])

    return answer


def details(shared: Shared) -> Handler:
    """`/tags/<tag>`: the values of one tag, and how many series have each."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        tag = request.path_params["tag"]
        label = label_of(tag)
        there = Matcher(label, MatchOp.NOT_EQUAL, "")
        series = await shared.compute(lambda: shared.server.store.series([there]))
        counts = Counter(one.label(label) for one in series)
        if not counts:
            return as_json(given, None)
        kept = _limited(_filtered(sorted(counts), given), number(given, "limit"))
        values = [
            {"id": place, "value": value, "count": counts[value]}
            for place, value in enumerate(kept, 1)
        ]
        return as_json(given, {"id": 1, "tag": tag, "values": values})

    return answer


def find_series(shared: Shared) -> Handler:
    """`/tags/findSeries?expr=name=x`: the paths, with tags, that meet all expressions."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        expressions = several(given, "expr")
        if not expressions:
            raise BadRequest("no tag expressions specified")
        series = await shared.compute(lambda: _series(shared, expressions))
        return as_json(given, sorted({tagged_path(one) for one in series}))

    return answer


def complete_tags(shared: Shared) -> Handler:
    """`/tags/autoComplete/tags`: tags of the series that meet the expressions so far."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        expressions = several(given, "expr")
        used = {tag_of(tagged.matcher(expression).label) for expression in expressions}
        found = await shared.compute(lambda: _tags(shared, expressions))
        prefix = given.get("tagPrefix", "")
        kept = [tag for tag in found if tag.startswith(prefix) and tag not in used]
        return as_json(given, _limited(kept, number(given, "limit", _MOST_COMPLETIONS)))

    return answer


def complete_values(shared: Shared) -> Handler:
    """`/tags/autoComplete/values`: values of one tag in the series that meet the expressions."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        tag = given.get("tag")
        if not tag:
            raise BadRequest("no tag specified")
        matchers = [tagged.matcher(expression) for expression in several(given, "expr")]
        label = label_of(tag)
        found = await shared.compute(lambda: shared.server.store.label_values(label, matchers))
        prefix = given.get("valuePrefix", "")
        kept = [value for value in found if value.startswith(prefix)]
        return as_json(given, _limited(kept, number(given, "limit", _MOST_COMPLETIONS)))

    return answer


def take() -> Handler:
    """`POST /tags/tagSeries` and `tagMultiSeries`: answers the paths in their canonical form.

    There is nothing to enter: a series is known by its tags once it has samples.
    """

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        paths = several(given, "path")
        if not paths:
            raise BadRequest("no path specified")
        forms = [_canonical(path) for path in paths]
        single = request.url.path.endswith("tagSeries")
        return as_json(given, forms[0] if single else forms)

    return answer


def _canonical(path: str) -> str:
    name, labels = parse_tagged(path)
    if not name:
        raise BadRequest(f"cannot parse the path {path!r}: no metric found")
    return tagged_path(Series(Metric(name), labels))


def _series(shared: Shared, expressions: Sequence[str]) -> Sequence[Series]:
    return shared.server.store.series(tagged.matchers(expressions))


def _tags(shared: Shared, expressions: Sequence[str]) -> list[str]:
    if not expressions:
        return sorted(map(tag_of, shared.server.store.label_names()))
    found = {tag for one in _series(shared, expressions) for tag in tags_of(one)}
    return sorted(found)


def _filtered(found: Sequence[str], given: Parameters) -> list[str]:
    wanted = given.get("filter")
    if not wanted:
        return list(found)
    pattern = regex(wanted.removeprefix("^"))
    return [one for one in found if pattern.match(one)]


def _limited(found: Sequence[Any], most: int | None) -> list[Any]:
    return list(found) if most is None else list(found[:most])
