"""The page on discovery names every service that is recognised."""

from pathlib import Path

from gnomon.agent.discovery.known import SERVICES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "discovery.md"


def test_every_known_service_has_its_line_in_order():
    table = PAGE.read_text().split("## Known services")[1]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")][1:]
    assert [row[1].strip() for row in rows] == [known.name for known in SERVICES]
    for row, known in zip(rows, SERVICES, strict=True):
        ports = [*map(str, known.ports), *(f"{port}/udp" for port in known.udp)]
        assert row[3].strip() == ", ".join(ports)
