from __future__ import annotations

import socket
import struct
import threading

import pytest

from gnomon.agent.sources.checks import ntp
from gnomon.core.errors import Retryable
from gnomon.testing.clock import FakeClock

SINCE_1900 = 2_208_988_800


def packet(question: bytes, now: float, *, stratum: int = 2, mode: int = 4) -> bytes:
    stamp = struct.pack("!II", int(now) + SINCE_1900, int(now % 1 * 2**32))
    return bytes([(3 << 3) | mode, stratum]) + bytes(22) + question[40:48] + stamp + stamp


@pytest.fixture
def server():
    """An NTP server on loopback; `answer` says what it sends back."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    listening.settimeout(10)

    class Server:
        port = listening.getsockname()[1]
        questions: list[bytes] = []

        def answer(self, make) -> None:
            def serve() -> None:
                question, address = listening.recvfrom(512)
                self.questions.append(question)
                listening.sendto(make(question), address)

            self.thread = threading.Thread(target=serve)
            self.thread.start()

    made = Server()
    made.questions = []
    yield made
    if hasattr(made, "thread"):
        made.thread.join(10)
    listening.close()


def ask(server, **settings) -> float:
    of = ntp.Settings(host="127.0.0.1", port=server.port, **settings)
    return ntp.ask_server(("127.0.0.1", server.port), of, FakeClock())


def test_the_difference_to_the_server(server) -> None:
    server.answer(lambda question: packet(question, 1_700_000_075.5))
    assert ask(server, version=4) == pytest.approx(75.5, abs=1e-6)
    assert server.questions[0][0] == (4 << 3) | 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda q: packet(q, 5, stratum=0), "not synchronised itself"),
        (lambda q: packet(q, 5, stratum=16), "not synchronised itself"),
        (lambda q: packet(q, 5, mode=3), "not synchronised itself"),
        (lambda q: packet(bytes(48), 5), "no answer to the question"),
        (lambda q: b"short", "no answer to the question"),
    ],
    ids=["kiss", "unsynchronised", "a client", "another question", "short"],
)
def test_a_wrong_answer_is_refused(server, make, message: str) -> None:
    server.answer(make)
    with pytest.raises(OSError, match=message):
        ask(server)


def test_a_silent_server_is_asked_again_after_a_minute(build, run, monkeypatch) -> None:
    asked: list[int] = []

    def silent(*_: object) -> float:
        asked.append(1)
        raise TimeoutError("timed out")

    monkeypatch.setattr(ntp, "ask_server", silent)
    check = build("ntp", host="192.0.2.1")
    for round_ in range(13):
        try:
            run(check)
        except Retryable:
            assert round_ % 6 == 0
    assert len(asked) == 3


def test_the_kernel_of_this_host_answers() -> None:
    found = ntp.read_kernel()
    if found is None:
        pytest.skip("adjtimex is forbidden here")
    assert found.max_error >= 0
    assert abs(found.offset) < 10
    assert abs(found.frequency_ppm) <= 512
