"""What can be done about the services that run here: which are measured at once, what others need.

For a service whose check exists, the ways to connect that need no configuration are tried, as a
person at this host would: the unix socket first, then the loopback address, with whatever the
client library finds by itself (its environment variables, its password file). What answers is
offered with the settings that worked. What refuses is offered with what a person has to run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Protocol, cast

from msgspec.structs import replace as _replace

from gnomon.agent.discovery import linux
from gnomon.agent.discovery.matching import match
from gnomon.agent.discovery.model import Host, Offer, Service
from gnomon.agent.discovery.version import loopback, version_of
from gnomon.core.component import Context
from gnomon.core.errors import GnomonError, NeedsSetup, SettingsError
from gnomon.core.registry import CHECKS
from gnomon.core.settings import Located, build

RETRY = 60.0
"""Seconds until a service that refused is asked again: somebody may just be letting us in."""
RETRY_LATER = 900.0
"""The same after some time: each refusal is a line in that service's log."""
EAGER = 10
"""How often it is asked at the short interval."""

Settings = dict[str, Any]


class Probing(Protocol):
    """A check that can say whether its settings let it in."""

    def probe(self) -> str:
        """Connects once and returns the version; raises `NeedsSetup` or another error."""
        ...


class Proposal(NamedTuple):
    """Ways to connect, the best first, and what a person has to do if none works."""

    tries: Sequence[Settings]
    help: str


class _Asked(NamedTuple):
    """What came of asking a service."""

    offer: Offer
    pid: int
    again: float
    """Monotonic time from which it may be asked once more."""
    times: int


class Discovery:
    """Remembers between two looks what it has asked already. For one thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._versions: dict[tuple[int, float, int], str] = {}
        """By pid, its start and port."""
        self._asked: dict[tuple[str, int, str], _Asked] = {}
        """By check, port and socket."""

    def services(self) -> list[Service]:
        """What runs here now."""
        versions: dict[tuple[int, float, int], str] = {}
        services: list[Service] = []
        for found in match(_read(self._context)):
            process, port = found.process, found.service.port
            key = (process.pid, process.started, port) if process else (0, 0.0, port)
            versions[key] = self._versions.get(key) or version_of(found, self._context)
            services.append(_replace(found.service, version=versions[key]))
        self._versions = versions
        return services

    def offers(self, configured: Collection[str] = ()) -> list[Offer]:
        """What can be done about each of them.

        Services whose check is among `configured` are named only: a person has said how. One that
        was let in once and does not run any more stays, so that its check tells.
        """
        offers: list[Offer] = []
        seen: set[tuple[str, int, str]] = set()
        available = set(CHECKS.names())
        for service in self.services():
            if service.check not in available or service.check in configured:
                check = service.check if service.check in available else ""
                offers.append(Offer(service=service, check=check, message=service.title))
                continue
            key = (service.check, service.port, service.socket)
            seen.add(key)
            offers.append(self._offer(key, service))
        for key in [key for key in self._asked if key not in seen]:
            offer = self._asked[key].offer
            if offer.settings is None or offer.check in configured:
                del self._asked[key]
            else:
                message = f"{offer.service.title}: does not run any more"
                offers.append(_replace(offer, message=message))
        return offers

    def _offer(self, key: tuple[str, int, str], service: Service) -> Offer:
        now = self._context.clock.monotonic()
        before = self._asked.get(key)
        if before is not None and before.pid != service.pid:
            before = None
        if before is not None and (before.offer.settings is not None or now < before.again):
            return before.offer
        times = before.times + 1 if before is not None else 0
        offer = ask(service, self._context)
        again = now + (RETRY if times < EAGER else RETRY_LATER)
        self._asked[key] = _Asked(offer, service.pid, again, times)
        return offer


def _read(context: Context) -> Host:
    if sys.platform == "linux":
        return linux.read(context)
    from gnomon.agent.discovery import portable  # noqa: PLC0415  # it needs psutil

    return portable.read()


def discover(context: Context) -> list[Service]:
    """What runs here now."""
    return Discovery(context).services()


def offers(context: Context, configured: Collection[str] = ()) -> list[Offer]:
    """One look; see `Discovery.offers`. Who looks again and again keeps a `Discovery`."""
    return Discovery(context).offers(configured)


def propose(service: Service) -> Proposal | None:
    """How the check of a service might connect without anybody's help; None if nobody knows."""
    of = PROPOSALS.get(service.check)
    return of(service) if of is not None else None


def ask(service: Service, context: Context) -> Offer:
    """Tries what is proposed, one after the other."""
    proposal = propose(service)
    offer = Offer(service=service, check=service.check, message=service.title)
    if proposal is None:
        return offer
    try:
        kind = CHECKS.load(service.check)
    except SettingsError as error:
        return _replace(offer, message=f"{service.title}: {error}")
    refusals: list[NeedsSetup] = []
    unreachable: dict[str, str] = {}
    for settings in proposal.tries:
        place = str(settings.get("host", ""))
        if place in unreachable:
            continue
        try:
            version = _probe(kind, settings, context)
        except NeedsSetup as error:
            refusals.append(error)
        except GnomonError as error:
            unreachable[place] = str(error)
        else:
            service = _replace(service, version=version or service.version)
            message = f"{service.title}: monitored"
            return _replace(offer, service=service, settings=settings, message=message)
    if refusals:
        message = f"{service.title}: {proposal.help}"
        return _replace(offer, message=message, hint=refusals[0].hint)
    reason = next(iter(unreachable.values()), "")
    return _replace(offer, message=f"{service.title}: {reason}" if reason else service.title)


def _probe(kind: Any, settings: Settings, context: Context) -> str:
    check = kind(build(Located(settings), kind.Settings), context)
    try:
        return cast(Probing, check).probe()
    finally:
        check.close()


def _postgres(service: Service) -> Proposal:
    """By the socket as the user we are (peer), then by the address.

    No user name means whom `PGUSER` names, else the user this process runs as. `postgres` is let in
    without a password where everybody on the host is trusted.
    """
    tries: list[Settings] = []
    if service.socket:
        folder = str(PurePosixPath(service.socket).parent)
        tries += [{"host": folder, "username": name} for name in ("", "postgres")]
    if service.address:
        place = loopback(service.address) or service.address
        tries += [{"host": place, "username": name} for name in ("gnomon", "", "postgres")]
    return Proposal(
        [
            {"port": service.port, **{key: value for key, value in one.items() if value}}
            for one in tries
        ],
        "needs a login, run this SQL",
    )


PROPOSALS: dict[str, Callable[[Service], Proposal]] = {"postgres": _postgres}
"""By check."""
