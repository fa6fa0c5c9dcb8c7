"""Graphite over one store: what the HTTP API, the command line and alert rules ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

import numpy as np

from gnomon.core.model import Series
from gnomon.server.query.graphite.catalogue import FUNCTIONS
from gnomon.server.query.graphite.context import Context, State
from gnomon.server.query.graphite.evaluate import call, evaluate
from gnomon.server.query.graphite.grammar import Scalar
from gnomon.server.query.graphite.source import Limits, StoreSource
from gnomon.server.query.graphite.timeseries import Float64s, SeriesList
from gnomon.server.query.graphite.tree import Tree
from gnomon.server.store.interface import Store

_STALE = 60
"""Seconds after which the tree is compared with the store even if the number of series is the same."""


@dataclass(frozen=True, slots=True)
class Question:
    """Targets over a window; times are epoch seconds."""

    targets: Sequence[str]
    start: int
    end: int
    now: int
    zone: tzinfo = UTC
    x_files_factor: float = 0.0
    template: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])


class Engine:
    """Answers questions. `refresh` is to be called by one thread at a time, the rest by any."""

    def __init__(
        self,
        store: Store,
        limits: Limits | None = None,
        random: Callable[[int], Float64s] | None = None,
    ) -> None:
        """`random` is what `randomWalk` is made of."""
        self._store = store
        self._limits = limits or Limits()
        self._random = random or np.random.default_rng().random
        self._compared = (-1, 0)  # how many series there were, and when
        self._steps: dict[Series, int] = {}
        self.tree = Tree()

    def refresh(self, now: int) -> Tree:
        """The tree of all names, brought up to date when series came or went."""
        count = self._store.stats().series
        known, when = self._compared
        if count != known or not 0 <= now - when < _STALE:
            self.tree.refresh(self._store.series([]))
            if len(self._steps) > 2 * len(self.tree):  # most are of series that are gone
                self._steps.clear()
            self._compared = (count, now)
        return self.tree

    def answer(self, question: Question) -> SeriesList:
        """The series of all targets, one after the other; raises `TargetError`, `LimitExceeded`."""
        context = Context(
            start=question.start,
            end=question.end,
            now=question.now,
            source=StoreSource(self._store, self.tree, self._limits, self._steps),
            evaluate=evaluate,
            call=call,
            functions=FUNCTIONS,
            zone=question.zone,
            template=question.template,
            state=State(question.x_files_factor),
            random=self._random,
        )
        targets = [target for target in question.targets if target.strip()]
        return [series for target in targets for series in evaluate(context, target)]
