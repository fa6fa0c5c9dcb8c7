from __future__ import annotations

import logging
import threading

from gnomon.runtime.ticker import Ticker

LOG = logging.getLogger("gnomon.test")


def test_it_goes_on_after_a_failure(caplog):
    calls = []
    third = threading.Event()

    def action():
        calls.append(None)
        if len(calls) == 3:
            third.set()
        raise ValueError("no luck")

    ticker = Ticker("upkeep", 0.001, action, LOG)
    ticker.start()
    assert third.wait(10)
    ticker.stop()
    ticker.stop()
    count = len(calls)
    assert "upkeep failed" in caplog.text
    assert count == len(calls)
    assert not any(thread.name == "upkeep" for thread in threading.enumerate())


def test_it_may_be_stopped_before_it_began():
    Ticker("upkeep", 1000, lambda: None, LOG).stop()
