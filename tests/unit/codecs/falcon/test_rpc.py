"""The transfer's JSON-RPC: calls out of a stream without frames, and what is answered."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.codecs.falcon import rpc
from gnomon.core.errors import DecodeError

NOW = 1_700_000_000_000
ITEM = {"endpoint": "w", "metric": 'a"\\}{', "value": 1, "step": 60, "counterType": "GAUGE"}


def call(method="Transfer.Update", params=((ITEM, {}),), number=7):
    return json.dumps({"method": method, "params": list(params), "id": number}).encode()


def ask(message):
    taken = []
    said = rpc.answer(rpc.decode(message), NOW, taken.append)
    assert said.endswith(b"\n")
    return json.loads(said), taken


def test_update():
    said, (decoded,) = ask(call())
    result = {"Message": "", "Total": 2, "Invalid": 1, "Latency": 0}
    assert said == {"id": 7, "result": result, "error": None}
    assert [s.series.name for s in decoded.batch] == ['a"\\}{']


def test_ping_and_what_is_not_known():
    assert ask(call("Transfer.Ping", [{}]))[0]["result"] == {"code": 0}
    said, taken = ask(call("Judge.Ping"))
    assert said == {"id": 7, "result": None, "error": "rpc: can't find service Judge.Ping"}
    assert taken == []


def test_params_that_are_no_list_are_an_error_of_the_call():
    said, taken = ask(call(params=[5]))
    assert said["result"] is None
    assert "list of metric values" in said["error"]
    assert taken == []


@pytest.mark.parametrize("message", [b"{}", b'{"method":5}', b'{"method":"m","id":{}}', b"{]"])
def test_what_is_no_call_is_an_error(message):
    with pytest.raises(DecodeError):
        rpc.decode(message)


@given(cuts=st.lists(st.integers(0, 700), max_size=10))
def test_pieces_of_any_size_give_the_same_calls(cuts):
    calls = [call(number=number) for number in range(3)]
    stream = calls[0] + b"\n " + calls[1] + calls[2]
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    values, found = rpc.Values(), []
    for start, end in zip(places, places[1:], strict=False):  # noqa: RUF007
        found += values.feed(stream[start:end])
    assert [rpc.decode(message).id for message in found] == [0, 1, 2]


def test_a_call_without_end_is_an_error():
    values = rpc.Values(longest=100)
    values.feed(b"{" * 100)
    with pytest.raises(DecodeError, match="more than 100"):
        values.feed(b"{")


@pytest.mark.parametrize("data", [b"update w m 1 1\r\n", b"[1]", b"\x16\x03", b"}"])
def test_a_stream_of_something_else_is_an_error(data):
    with pytest.raises(DecodeError):
        rpc.Values().feed(data)


@given(st.lists(st.binary(max_size=50) | st.just(call()), max_size=5))
def test_any_bytes_give_answers_or_a_decode_error(pieces):
    values = rpc.Values(longest=1000)
    try:
        for piece in pieces:
            for message in values.feed(piece):
                ask(message)
    except DecodeError:
        return
    assert values.rest() == b""
