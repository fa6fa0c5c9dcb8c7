"""The series dictionaries of the agents that speak the native wire, within a bound.

An agent names its series once in a session and by number from then on. A session that was
forgotten (a restart, or the bound) costs one answer `unknown_dictionary`, after which the agent
begins a new one: nothing is lost by it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from gnomon.codecs import native
from gnomon.core.component import Entry
from gnomon.core.model import Metric

MOST_SESSIONS = 20_000


class _Session:
    def __init__(self, decoder: native.Decoder) -> None:
        self.decoder = decoder
        self.lock = threading.Lock()
        self.series = 0


class Sessions:
    """Decodes bodies; safe from any thread, several bodies of one session included."""

    def __init__(self, limits: native.Limits, most_series: int) -> None:
        """`most_series`: over all sessions; the one silent for longest makes room."""
        self._limits = limits
        self._most_series = most_series
        self._metrics: dict[Metric, Metric] = {}
        self._sessions: OrderedDict[int, _Session] = OrderedDict()
        self._series = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many sessions are known."""
        return len(self._sessions)

    @property
    def series(self) -> int:
        """Series over all sessions."""
        return self._series

    def decode(self, body: bytes) -> list[Entry]:
        """The entries of a body.

        Raises `UnknownDictionary` when what it refers to is not known here, `DecodeError` when it
        is malformed, `OverLimit` when it is too large.
        """
        payload = native.open_body(body, self._limits)
        with self._lock:
            session = self._sessions.get(payload.session)
        if session is None:
            session = _Session(native.Decoder(self._limits, self._metrics))
        with session.lock:
            session.decoder.define(payload)
        self._remember(payload.session, session)
        return session.decoder.entries(payload)

    def _remember(self, number: int, session: _Session) -> None:
        """Counts the session's series, and forgets the longest silent beyond the bounds."""
        with self._lock:
            known = self._sessions.setdefault(number, session)
            if known is not session:
                return  # two first bodies at once: the other thread's stays, this one is done with
            self._sessions.move_to_end(number)
            self._series += len(session.decoder) - session.series
            session.series = len(session.decoder)
            while len(self._sessions) > 1 and (
                len(self._sessions) > MOST_SESSIONS or self._series > self._most_series
            ):
                _, oldest = self._sessions.popitem(last=False)
                self._series -= oldest.series
                oldest.series = 0  # it may be in use by another thread, which brings it back
            if len(self._metrics) > self._most_series:
                self._metrics.clear()  # it only saves memory: what is in use stays with its users
