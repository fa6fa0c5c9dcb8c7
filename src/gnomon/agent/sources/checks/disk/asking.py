"""Asks file systems how full they are, and does not wait for one that does not answer.

`statvfs` on a lost NFS server blocks its thread for as long as the server is away; no signal ends
that. So the questions are asked on a helper thread. When it does not come back in time it is left
alone with its mount, and another one goes on with the rest: there are never more threads than
mounts that hang, and one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

Answer: TypeAlias = "Usage | OSError"


class Usage(msgspec.Struct, frozen=True):
    """What `statvfs` says, in bytes and inodes."""

    total: int
    free: int
    """Free at all; some of it may be kept for root."""
    available: int
    """Free for an ordinary user."""
    inodes: int = 0
    """0 where the file system makes inodes as they are needed."""
    inodes_free: int = 0


class Answers(NamedTuple):
    """Of one round."""

    answered: dict[str, Answer]
    hanging: list[str]


class Asker:
    """Remembers which paths hang. Not for several callers at once."""

    def __init__(self, ask: Callable[[str], Usage]) -> None:
        self._ask = ask
        self._hanging: dict[str, threading.Thread] = {}

    def round(self, paths: Sequence[str], timeout: float) -> Answers:
        """Asks for each path; waits `timeout` seconds for an answer.

        Once one path hangs, others have a quarter of that, since a lost server often has several;
        and no more than twice the time goes by in waiting: what is left then is not asked, and is
        in neither part of the answer. The next round asks it, as it skips those known to hang.
        """
        self._hanging = {p: thread for p, thread in self._hanging.items() if thread.is_alive()}
        hanging = [path for path in paths if path in self._hanging]
        waiting = [path for path in paths if path not in self._hanging]
        answered: dict[str, Answer] = {}
        patience, waited = timeout, 0.0
        while waiting and waited < 2 * timeout:
            answers: queue.SimpleQueue[tuple[str, Answer]] = queue.SimpleQueue()
            left = threading.Event()
            thread = threading.Thread(
                target=self._work, args=(list(waiting), answers, left), name="disk", daemon=True
            )
            thread.start()
            try:
                while waiting:
                    path, answer = answers.get(timeout=patience)
                    waiting.remove(path)
                    answered[path] = answer
            except queue.Empty:
                waited += patience
                patience = timeout / 4
                left.set()
                stuck = waiting.pop(0)
                self._hanging[stuck] = thread
                hanging.append(stuck)
        return Answers(answered, hanging)

    def _work(
        self,
        paths: list[str],
        answers: queue.SimpleQueue[tuple[str, Answer]],
        left: threading.Event,
    ) -> None:
        for path in paths:
            if left.is_set():
                return
            try:
                answers.put((path, self._ask(path)))
            except OSError as error:
                answers.put((path, error))
