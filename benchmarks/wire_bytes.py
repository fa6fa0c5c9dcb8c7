"""Bytes on the wire for ten minutes of one host, beside JSON and plain MessagePack.

The plain forms are a list of points as the agents of the field post them: a body a run, each point a
map of metric, timestamp, value, host, type, unit and tags. A known system sent 1136 kB of JSON and
733 kB of MessagePack for the ten minutes of a host.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import msgspec

from benchmarks._host import HOST, INTERVAL, START, entries, runs
from gnomon.codecs import native

RUNS = 60
KNOWN_JSON_KB = 1136
KNOWN_MESSAGEPACK_KB = 733


def plain(encode: Callable[[object], bytes]) -> list[bytes]:
    """A body for each run."""
    return [
        encode(
            [
                {
                    "metric": name,
                    "timestamp": START // 1000 + number * INTERVAL,
                    "value": value,
                    "host": HOST,
                    "type": "gauge",
                    "unit": unit,
                    "tags": [f"{key}:{text}" for key, text in labels.items()],
                }
                for name, labels, value, unit in rows
            ]
        )
        for number, rows in enumerate(runs(RUNS), start=1)
    ]


def ours(runs_per_body: int) -> list[bytes]:
    """Bodies of a new session, its dictionary included."""
    encoder, every = native.Encoder(), entries(RUNS)
    return [encoder.encode(every[at : at + runs_per_body]) for at in range(0, RUNS, runs_per_body)]


def run() -> list[dict[str, object]]:
    """A row for each form."""
    samples = sum(len(entry.batch) for entry in entries(RUNS))
    json, messagepack = plain(msgspec.json.encode), plain(msgspec.msgpack.encode)
    forms = {
        "JSON": json,
        "JSON + zlib": [zlib.compress(body) for body in json],
        "MessagePack": messagepack,
        "MessagePack + zlib": [zlib.compress(body) for body in messagepack],
        "native, 1 run a body": ours(1),
        "native, 10 runs a body": ours(10),
    }
    sizes = {name: sum(map(len, bodies)) for name, bodies in forms.items()}
    return [
        {
            "form": name,
            "kB": round(size / 1000, 1),
            "bytes/sample": round(size / samples, 2),
            "of JSON": f"{size / sizes['JSON']:.1%}",
            "of a known system's JSON": f"{size / 1000 / KNOWN_JSON_KB:.1%}",
            "of its MessagePack": f"{size / 1000 / KNOWN_MESSAGEPACK_KB:.1%}",
        }
        for name, size in sizes.items()
    ]


def main() -> None:
    rows = run()
    samples = sum(len(entry.batch) for entry in entries(RUNS))
    print(f"{samples} samples: {samples // RUNS} series, {RUNS} runs of {INTERVAL} s\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|---" * len(rows[0]) + "|")
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
