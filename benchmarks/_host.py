"""What a busy host measures, the same each time: counters that grow, and what checks make of them.

300 series every ten seconds, as the checks put them: shares of CPU time from clock ticks, rates from
counters over ten seconds, sizes in whole pages, ratios of them, loads of two digits. Half of the
series move in each run, as on a host that works; on an idle one a quarter does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from gnomon.core.model import Batch, Entry, Kind, Mark, Metric, Sample, Series, labels_of

START = 1_700_000_000_000
INTERVAL = 10
HOST = "web1.example.com"
TICKS = 100 * INTERVAL
MODES = ("user", "system", "idle", "iowait", "irq", "softirq", "nice", "steal", "guest", "stolen")
Row = tuple[str, dict[str, str], float, str]


class Host:
    """`run` gives the rows of the next run: metric, labels, value, unit."""

    def __init__(self, seed: int = 7) -> None:
        self.rng = random.Random(seed)
        self.pages = [self.rng.randrange(10**4, 4 * 10**6) for _ in range(22)]
        self.used = [self.rng.randrange(10**6, 10**7) for _ in range(4)]
        self.states = [self.rng.randrange(0, 300) for _ in range(11)]
        self.rss = [self.rng.randrange(10**3, 10**5) for _ in range(10)]
        self.load = [1.2, 1.0, 0.9]

    def run(self) -> list[Row]:
        rows = [*self.cpu(), *self.memory(), *self.disks(), *self.devices(), *self.networks()]
        return [*rows, *self.tcp(), *self.processes(), *self.loads()]

    def cpu(self) -> Iterator[Row]:
        for core in ("", *map(str, range(8))):
            user, system = self.rng.randrange(150), self.rng.randrange(60)
            some = [user, system, 0, self.rng.choice([0, 0, 1, 4]), 0, self.rng.choice([0, 1]), 0]
            some[2] = TICKS - sum(some) + self.rng.randrange(-2, 3)
            labels = {"core": core} if core else {}
            for mode, ticks in zip(MODES, [*some, 0, 0, 0], strict=True):
                yield f"system.cpu.{mode}", labels, 100 * ticks / sum(some), "percent"

    def memory(self) -> Iterator[Row]:
        for at in range(22):
            if at < 14:
                self.pages[at] += self.rng.randrange(-200, 201)
            yield f"system.mem.part{at}", {}, self.pages[at] * 4096.0, "byte"

    def disks(self) -> Iterator[Row]:
        for at in range(4):
            self.used[at] += self.rng.choice([0, 0, 0, 3, 11])
            total, used = 12_582_912, self.used[at]
            for name, value in (
                ("total", total * 4096.0),
                ("used", used * 4096.0),
                ("free", (total - used) * 4096.0),
                ("in_use", used / total),
            ):
                yield f"system.disk.{name}", {"device": f"/dev/sda{at}"}, value, "byte"
                yield f"system.fs.inodes.{name}", {"device": f"/dev/sda{at}"}, value // 16384, ""

    def devices(self) -> Iterator[Row]:
        names = ("r_s", "w_s", "rkb_s", "wkb_s", "rrqm_s", "wrqm_s", "await", "util", "svctm")
        for at in range(4):
            for name in names:
                busy = at == 0 and not name.startswith("rrqm")
                count = self.rng.randrange(5000) if busy else 0
                ratio = name in {"await", "svctm"}
                value = count / self.rng.randrange(1, 900) if ratio else count / INTERVAL
                yield f"system.io.{name}", {"device": f"sda{at}"}, value, ""

    def networks(self) -> Iterator[Row]:
        for interface in ("lo", "eth0", "eth1"):
            for name in ("bytes_rcvd", "bytes_sent", "packets_in", "packets_out"):
                scale = 10**6 if name.startswith("bytes") else 10**4
                count = self.rng.randrange(scale) if interface != "eth1" else 0
                yield f"system.net.{name}", {"device": interface}, count / INTERVAL, "byte/second"
                yield f"system.net.{name}.error", {"device": interface}, 0.0, "error"

    def tcp(self) -> Iterator[Row]:
        for at in range(11):
            self.states[at] = max(0, self.states[at] + self.rng.choice([0, 0, -1, 1]))
            yield "system.net.tcp.states", {"state": f"state{at}"}, float(self.states[at]), ""

    def processes(self) -> Iterator[Row]:
        for at in range(10):
            labels = {"process": f"process-{at}", "pid": str(1000 + 17 * at)}
            self.rss[at] += self.rng.choice([0, 0, 5, -3])
            yield "system.processes.rss", labels, self.rss[at] * 4096.0, "byte"
            yield (
                "system.processes.cpu",
                labels,
                self.rng.choice([0, 0, 3, 8]) / INTERVAL,
                "percent",
            )
            yield "system.processes.threads", labels, float(at + 1), "thread"
        for at in range(49):
            yield f"system.vm.count{at}", {}, self.rng.randrange(1 + 400 * (at % 3)) / INTERVAL, ""

    def loads(self) -> Iterator[Row]:
        for at, minutes in enumerate((1, 5, 15)):
            self.load[at] = round(max(0, self.load[at] + self.rng.uniform(-0.1, 0.1)), 2)
            yield f"system.load.{minutes}", {}, self.load[at], ""
            yield f"system.load.norm.{minutes}", {}, self.load[at] / 8, ""


def runs(count: int) -> list[list[Row]]:
    """The rows of so many runs."""
    host = Host()
    return [host.run() for _ in range(count)]


def entries(count: int) -> list[Entry]:
    """The same as batches with their marks."""
    made: dict[tuple[str, tuple[tuple[str, str], ...]], Series] = {}
    result: list[Entry] = []
    for number, rows in enumerate(runs(count), start=1):
        samples: list[Sample] = []
        for name, labels, value, unit in rows:
            key = (name, labels_of({"host": HOST, **labels}))
            if key not in made:
                metric = Metric(name, Kind.GAUGE, unit, f"What {name} says of a host.")
                made[key] = Series(metric, key[1])
            samples.append(Sample(made[key], START + number * INTERVAL * 1000, value))
        result.append(Entry(Mark("5f0c1a2b", 0x6B0C51D3A2F41E90, number), Batch.of(samples)))
    return result
