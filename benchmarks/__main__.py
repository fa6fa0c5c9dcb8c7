"""Runs the benchmarks: `python -m benchmarks [NAME ...]`; without a name, all of them.

Each module of this package with a `main()` is one. Only ratios within one run should be trusted;
figures worth keeping go to docs/benchmarks.md with date and machine.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys

import benchmarks


def names() -> list[str]:
    found = (info.name for info in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main(wanted: list[str]) -> int:
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    print(f"# {machine()}\n")
    for name in wanted or known:
        print(f"## {name}\n", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
