"""Secrets that come out of a command (`{command: "pass show db"}`)."""

from __future__ import annotations

import subprocess

TIMEOUT = 10
"""Seconds such a command may take."""


def run_command(command: str) -> str:
    """Its standard output without the final newline; raises `ValueError` with what went wrong.

    What the command printed is never part of the error: it may be the secret.
    """
    try:
        done = subprocess.run(  # noqa: S602  # the operator's own command line, as in a shell
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"the secret's command took longer than {TIMEOUT} s") from None
    except UnicodeDecodeError:
        raise ValueError("the secret's command printed something that is not text") from None
    if done.returncode != 0:
        raise ValueError(f"the secret's command ended with exit code {done.returncode}")
    return done.stdout.rstrip("\r\n")
