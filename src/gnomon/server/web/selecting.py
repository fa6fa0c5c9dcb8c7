"""`match[]` of the APIs that speak of stored series: export, deletion."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gnomon.core.errors import DecodeError
from gnomon.core.model import NAME_LABEL
from gnomon.server.query.promql.errors import ParseError
from gnomon.server.query.promql.parser import parse_selector
from gnomon.server.query.select import Selector
from gnomon.server.store.interface import Matcher, MatchOp, Store

_BARE_NAME = re.compile(r"[\w.:/-]+")


def read_selectors(texts: Sequence[str], store: Store, example: str) -> list[Sequence[Matcher]]:
    """Matchers for the store, of those selectors that can select something.

    A selector is PromQL's (a metric is found by its name and by its classic form, with `_` for
    `.`), or just the name of a metric as it is stored. Raises `DecodeError` when there is none, and
    `ParseError`.
    """
    if not texts:
        raise DecodeError(f"match[]: a selector is needed, such as {example}")
    selector = Selector(store)
    resolved = [selector.resolve(_matchers(text)) for text in texts]
    return [one.matchers for one in resolved if one is not None]


def _matchers(text: str) -> Sequence[Matcher]:
    try:
        return parse_selector(text)
    except ParseError:
        if _BARE_NAME.fullmatch(text):
            return [Matcher(NAME_LABEL, MatchOp.EQUAL, text)]
        raise
