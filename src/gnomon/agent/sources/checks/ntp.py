"""How far the clock of this host is off.

Without settings the kernel is asked what the time daemon (chrony, ntpd, systemd-timesyncd) told it:
whether the clock is synchronised, the correction still to be made, and the error that is thought
possible. No packet is sent. With `host` a time server is asked as well (SNTP), every `query_every`:
then `ntp.offset` is the difference to that server, and the service check `ntp.in_sync` says whether
it is below `offset_threshold`, as in Datadog Agent 5.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct

import msgspec

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.clock import Clock
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData, Retryable
from gnomon.core.model import Metric, Status

OFFSET = Metric(
    "ntp.offset",
    unit="second",
    help="Time of the server less time of this host; without a server, what the kernel corrects.",
)
SYNCHRONIZED = Metric("system.clock.synchronized", help="1 if a time daemon keeps the clock right.")
ESTIMATED_ERROR = Metric("system.clock.estimated_error", unit="second", help="The likely error.")
MAX_ERROR = Metric("system.clock.max_error", unit="second", help="The largest possible error.")
FREQUENCY = Metric(
    "system.clock.frequency_correction", unit="ppm", help="How much faster it is made to run."
)
METRICS = (OFFSET, SYNCHRONIZED, ESTIMATED_ERROR, MAX_ERROR, FREQUENCY)
IN_SYNC = "ntp.in_sync"
SERVICE_CHECKS = {
    IN_SYNC: "Critical from `offset_threshold` on, unknown without an answer; only with `host`."
}

RETRY_AFTER = 60.0
"""Seconds after which a server that did not answer is asked again."""

EXAMPLE = """
init_config:

instances:
  - host: ntp1.example.net
    offset_threshold: 60
"""


class KernelClock(msgspec.Struct, frozen=True):
    """What the kernel says of its clock, in seconds."""

    synchronized: bool
    offset: float
    max_error: float
    estimated_error: float
    frequency_ppm: float


class Settings(settings.Settings, frozen=True, kw_only=True):
    """The keys of Datadog Agent 5's `ntp.yaml`; there `host` has a default, here none is asked."""

    host: str = ""
    """Time server to ask; without it nobody is asked."""
    port: int | str = 123
    """Its UDP port; `ntp` is 123."""
    version: int = 3
    """NTP version to speak."""
    offset_threshold: settings.Duration = settings.Duration(60)
    """From this offset on `ntp.in_sync` is critical."""
    query_every: settings.Duration = settings.Duration(900)
    """How often to ask the server."""
    timeout: settings.Duration = settings.Duration(5)
    """How long the server may take to answer."""


class Ntp:
    """Asks the kernel through adjtimex(2), and the server if there is one."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._clock = context.clock
        self._ask_at = 0.0

    def collect(self, out: Output) -> None:
        """Puts what the kernel says; the server's answer when it is time to ask."""
        kernel = self.kernel()
        if kernel is not None:
            out.put(SYNCHRONIZED, kernel.synchronized)
            out.put(ESTIMATED_ERROR, kernel.estimated_error)
            out.put(MAX_ERROR, kernel.max_error)
            out.put(FREQUENCY, kernel.frequency_ppm)
            if kernel.synchronized and not self._settings.host:
                out.put(OFFSET, kernel.offset)  # else nobody knows it, and 0 would be a lie
        if self._settings.host:
            now = self._clock.monotonic()
            if now >= self._ask_at:
                self._ask_at = now + min(RETRY_AFTER, self._settings.query_every)
                self._put_server(out)
                self._ask_at = now + self._settings.query_every
        elif kernel is None:
            raise NoData("this system does not tell; set host to ask a time server")

    def _put_server(self, out: Output) -> None:
        labels = {"server": self._settings.host}
        try:
            offset = self.query()
        except OSError as error:
            out.status(IN_SYNC, Status.UNKNOWN, f"{self._settings.host}: {error}", labels)
            raise Retryable(f"{self._settings.host} does not tell the time: {error}") from None
        out.put(OFFSET, offset, labels)
        far = abs(offset) > self._settings.offset_threshold
        message = f"{offset:+.3f} s from {self._settings.host}" if far else ""
        out.status(IN_SYNC, Status.CRITICAL if far else Status.OK, message, labels)

    def kernel(self) -> KernelClock | None:
        """From adjtimex(2), which only reads here; None where there is none."""
        return read_kernel() if procfs.LINUX else None

    def query(self) -> float:
        """Time of the server less time of this host. Raises `OSError`."""
        port = 123 if self._settings.port == "ntp" else int(self._settings.port)
        return ask_server((self._settings.host, port), self._settings, self._clock)

    def close(self) -> None:
        """Holds nothing open."""


component = Ntp

_SINCE_1900 = 2_208_988_800
"""Seconds from the start of NTP's time to that of Unix."""


def ask_server(address: tuple[str, int], of: Settings, clock: Clock) -> float:
    """The offset by SNTP (RFC 4330), to a millisecond. Raises `OSError`."""
    found = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)
    if not found:
        raise OSError("no address")
    family, kind, protocol, _, target = found[0]
    with socket.socket(family, kind, protocol) as asked:
        asked.settimeout(of.timeout)
        asked.connect(target)
        cookie = os.urandom(8)  # comes back as the time of origin: a stray answer is told apart
        sent, began = clock.now() / 1000, clock.monotonic()
        asked.send(struct.pack("!B39x8s", (of.version << 3) | 3, cookie))
        answer = asked.recv(512)
        received = sent + (clock.monotonic() - began)
    return offset_of(answer, cookie, sent, received)


def offset_of(answer: bytes, cookie: bytes, sent: float, received: float) -> float:
    """The offset from an SNTP packet, `sent` and `received` in seconds since 1970."""
    if len(answer) < 48 or answer[24:32] != cookie:
        raise OSError("the answer is no answer to the question")
    if answer[0] & 7 != 4 or not 0 < answer[1] < 16:
        raise OSError("the server is not synchronised itself")
    arrived, left = (
        seconds - _SINCE_1900 + fraction / 2**32
        for seconds, fraction in struct.iter_unpack("!II", answer[32:48])
    )
    return ((arrived - sent) + (left - received)) / 2


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


_STA_UNSYNC, _STA_NANO = 0x40, 0x2000
_TIME_ERROR = 5


def read_kernel() -> KernelClock | None:
    """From the C library; None where it has no adjtimex or a sandbox forbids it."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    found = _Timex()
    state = adjtimex(ctypes.byref(found))
    if state < 0:
        return None
    return KernelClock(
        synchronized=state != _TIME_ERROR and not found.status & _STA_UNSYNC,
        offset=found.offset / (1e9 if found.status & _STA_NANO else 1e6),
        max_error=found.maxerror / 1e6,
        estimated_error=found.esterror / 1e6,
        frequency_ppm=found.freq / 65536,
    )
