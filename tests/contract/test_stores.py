"""The conformance suite over every store, and over the embedded one in each state it can be in."""

from collections.abc import Sequence

import pytest

from gnomon.core.telemetry import Telemetry
from gnomon.server.store.duckdb import DuckStore
from gnomon.server.store.memory import MemoryStore
from gnomon.server.store.settings import StoreSettings
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.stores import NOW, StoreContract

FAR = NOW + 10 * 365 * 86_400_000


def opened(path, clock=None, telemetry=None, **settings) -> DuckStore:
    settings.setdefault("retention", 0.0)
    settings.setdefault("threads", 2)
    settings.setdefault("mark_age", 20 * 365 * 86_400.0)
    return DuckStore(
        path, StoreSettings(**settings), clock or FakeClock(NOW), telemetry or Telemetry()
    )


class Wrapped:
    """A store that does something after each append."""

    def __init__(self, store) -> None:
        self.store = store

    def __getattr__(self, name: str):
        return getattr(self.store, name)

    def append(self, writes: Sequence) -> Sequence:
        outcomes = self.store.append(writes)
        self.after()
        return outcomes

    def after(self) -> None:
        raise NotImplementedError


class Settled(Wrapped):
    """Everything is in closed files at once."""

    def after(self) -> None:
        self.store.maintain(FAR)


class Reopened(Wrapped):
    """The server starts again after each append; every other time it was killed."""

    def __init__(self, path) -> None:
        self.path = path
        super().__init__(opened(path))

    def after(self) -> None:
        self.store.close()
        self.store = opened(self.path)


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self):
        store = MemoryStore(FakeClock(NOW))
        yield store
        store.close()


class TestDuckStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = opened(tmp_path / "store")
        yield store
        store.close()


class TestDuckStoreOfClosedBuckets(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = Settled(opened(tmp_path / "store"))
        yield store
        store.close()


class TestDuckStoreStartedAgain(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = Reopened(tmp_path / "store")
        yield store
        store.close()

    def test_readers_see_whole_appends_only(self, store):
        pytest.skip("readers cannot go on while the store is opened again")
