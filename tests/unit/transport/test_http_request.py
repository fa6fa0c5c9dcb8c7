"""Requests out of a stream of bytes: whole, in pieces, torn, hostile."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.transport.http_request import HEAD, Refusal, RequestReader

POST = b"POST /a/b?x=1&y HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
)
GET = b"GET / HTTP/1.0\r\n\r\n"


def read(*pieces, largest=1000):
    reader, found = RequestReader(largest), []
    for piece in pieces:
        reader.feed(piece)
        while (request := reader.next()) is not None:
            found.append(request)
    return found


def test_a_request():
    (request,) = read(POST)
    assert request[:3] == ("POST", "/a/b", "x=1&y")
    assert request.headers == {"host": "h", "x-a": "1, 2", "content-length": "5"}
    assert (request.body, request.keep_alive) == (b"hello", True)


def test_a_body_in_chunks():
    (request,) = read(CHUNKED)
    assert request.body == b"hello!"


@given(cuts=st.lists(st.integers(0, 300), max_size=12))
def test_pieces_of_any_size_give_the_same_requests(cuts):
    stream = POST + CHUNKED + b"\r\n" + POST + GET
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert [request.body for request in read(*pieces)] == [b"hello", b"hello!", b"hello", b""]


@pytest.mark.parametrize(
    ("head", "keep"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_keep_alive(head, keep):
    assert read(head)[0].keep_alive is keep


def test_a_target_with_its_host():
    assert read(b"GET http://h:1/p?q HTTP/1.1\r\n\r\n")[0][1:3] == ("/p", "q")


def test_who_waits_for_100_continue():
    reader = RequestReader(10)
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert reader.next() is None
    assert reader.expects_continue
    reader.feed(b"ok")
    assert reader.next().body == b"ok"
    assert not reader.expects_continue


def head(*lines):
    return b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""])


CHUNKS = head(b"Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (head(b"no colon"), 400),
        (head(b"a b: c"), 400),
        (head(b" folded: c"), 400),
        (head(b"a: b\nc: d"), 400),
        (head(b"Content-Length: -1"), 400),
        (head(b"Content-Length: 1_0"), 400),
        (head(b"Content-Length: 1", b"Content-Length: 2"), 400),
        (head(b"Content-Length: 1", b"Transfer-Encoding: chunked"), 400),
        (head(b"Transfer-Encoding: gzip, chunked"), 501),
        (head(b"Content-Length: 1001"), 413),
        (head(b"Content-Length: 999999999999999"), 413),
        (b"GET /" + b"a" * HEAD, 431),
        (b"GET / HTTP/1.1\r\na: " + b"a" * HEAD + b"\r\n\r\n", 431),
        (CHUNKS + b"x\r\n", 400),
        (CHUNKS + b"-1\r\n", 400),
        (CHUNKS + b"3e9\r\n", 413),
        (CHUNKS + b"2\r\nabc\r\n", 400),
        (CHUNKS + b"a" * HEAD, 400),
        (CHUNKS + b"0\r\n" + b"a: b234567890123456789\r\n" * HEAD, 431),
    ],
)
def test_what_is_refused(data, status):
    with pytest.raises(Refusal) as error:
        read(data)
    assert error.value.status == status


@given(st.lists(st.binary(max_size=80) | st.sampled_from([POST, CHUNKED, CHUNKS]), max_size=6))
def test_any_bytes_give_requests_or_a_refusal(pieces):
    try:
        found = read(*pieces)
    except Refusal:
        return
    assert all(len(request.body) <= 1000 for request in found)
