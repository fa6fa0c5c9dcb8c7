import math
import struct
from array import array
from pathlib import Path

import cramjam
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnomon.codecs.native import (
    MAGIC,
    Decoder,
    Encoder,
    Limits,
    OverLimit,
    UnknownDictionary,
    open_body,
)
from gnomon.core.errors import DecodeError
from gnomon.core.model import (
    Batch,
    Entry,
    Event,
    Kind,
    Mark,
    Metric,
    Sample,
    Series,
    labels_of,
)

texts = st.text(max_size=12) | st.sampled_from(
    ["host", "web1", "system.cpu.user", "\ud800", "中文"]
)
labels = st.dictionaries(texts, texts, max_size=2).map(labels_of)
metrics = st.builds(Metric, texts, st.sampled_from(list(Kind)), texts, texts)
series = st.builds(Series, metrics, labels)
times = st.integers(-(2**63), 2**63 - 1) | st.integers(1_700_000_000_000, 1_700_000_100_000)
decimals = st.builds(lambda number, digits: number / 10**digits, st.integers(), st.integers(0, 8))
values = st.floats() | decimals | st.sampled_from([0.0, -0.0, 1.0, 2.0**53, 1e300, 0.1 + 0.2])
samples = st.builds(Sample, series, times, values)
events = st.builds(Event, times, texts, texts, texts, texts, labels)
batches = st.builds(
    Batch.of, st.lists(samples, max_size=5), st.lists(events, max_size=2).map(tuple)
)
marks = st.builds(Mark, texts, st.integers(0, 2**63 - 1), st.integers(1, 2**62))
entries = st.lists(st.builds(Entry, marks, batches), max_size=3)


def exactly(entry: Entry) -> tuple:
    """All of an entry, doubles bit by bit."""
    batch = entry.batch
    rows = [
        (s.metric.name, s.labels, timestamp, struct.pack("<d", value))
        for s, timestamp, value in batch
    ]
    return entry.mark, rows, list(batch.events)


def bit_exact(given_entries: list[Entry]) -> list[tuple]:
    return [exactly(entry) for entry in given_entries]


def tagged(count: int) -> Entry:
    """One metric with many label values."""
    return Entry(
        Mark("a", 1, 1),
        Batch.of(Sample(Series.of("m", n=str(i % 9), o=str(i)), 1, 1) for i in range(count)),
    )


def run(number: int, count: int = 3, agent: str = "a1") -> Entry:
    """What an agent might send: one timestamp, the same series each time."""
    batch = Batch.of(
        Sample(Series.of(f"m{i}", host="web1"), 1_700_000_000_000 + number * 10_000, i + number / 4)
        for i in range(count)
    )
    return Entry(Mark(agent, 7, number), batch)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(entries, max_size=2))
def test_what_was_encoded_is_decoded_bit_by_bit(bodies):
    encoder, decoder = Encoder(), Decoder()
    for body in bodies:
        assert bit_exact(decoder.decode(encoder.encode(body))) == bit_exact(body)


def test_metadata_travels_with_the_first_use():
    metric = Metric("system.mem.used", Kind.GAUGE, "byte", "Memory in use.")
    batch = Batch.of([Sample(Series(metric, (("host", "h"),)), 1, 2.0)])
    (entry,) = Decoder().decode(Encoder().encode([Entry(Mark("a", 1, 1), batch)]))
    assert entry.batch.series[0].metric == metric


def test_columns_have_the_types_of_the_model():
    (entry,) = Decoder().decode(Encoder().encode([run(1)]))
    assert [entry.batch.index, entry.batch.timestamps] == [
        array("I", [0, 1, 2]),
        array("q", [1_700_000_010_000] * 3),
    ]
    assert (entry.batch.index.typecode, entry.batch.values.typecode) == ("I", "d")


def test_rows_that_repeat_a_series_and_series_without_rows():
    a, b, unused = Series.of("a"), Series.of("b"), Series.of("unused")
    batch = Batch(
        [a, unused, b], array("I", [2, 0, 2]), array("q", [1, 2, 3]), array("d", [1, 2, 3])
    )
    (entry,) = Decoder().decode(Encoder().encode([Entry(Mark("a", 1, 1), batch)]))
    assert entry.batch == batch
    assert entry.batch.series == [b, a]


def test_series_are_the_same_objects_in_all_bodies_of_a_session():
    encoder, decoder = Encoder(), Decoder()
    (first,) = decoder.decode(encoder.encode([run(1)]))
    (second,) = decoder.decode(encoder.encode([run(2)]))
    assert all(x is y for x, y in zip(first.batch.series, second.batch.series, strict=True))


@pytest.mark.parametrize(
    ("limits", "entry", "taken"),
    [
        (Limits(series=20), tagged, 20),
        (Limits(characters=200), lambda count: run(count, count), 66),
    ],
)
def test_limits_of_a_session_hold_over_its_bodies(limits, entry, taken):
    encoder, decoder = Encoder(), Decoder(limits)
    for count in range(1, taken + 1):
        decoder.decode(encoder.encode([entry(count)]))
    with pytest.raises(OverLimit, match="in one session"):
        decoder.decode(encoder.encode([entry(taken + 1)]))


def test_shapes_are_remembered_but_not_mixed_up():
    encoder, decoder = Encoder(), Decoder()
    bodies = [[run(1, 3), run(2, 5)], [run(3, 3), run(4, 5)], [run(5, 5), run(6, 3)], [run(7, 9)]]
    decoded = [decoder.decode(encoder.encode(body)) for body in bodies]
    assert decoded == bodies
    assert decoded[0][1].batch.series is decoded[1][1].batch.series
    large = [run(8, 10_001)]
    assert decoder.decode(encoder.encode(large)) == large
    assert decoder.decode(encoder.encode([run(9, 9)]))[0].batch.series is decoded[3][0].batch.series
    encoder.reset()
    tags = [tagged(9)]
    assert decoder.decode(encoder.encode(tags)) == tags


def test_definitions_are_sent_once():
    encoder = Encoder()
    first, second = encoder.encode([run(1, 300)]), encoder.encode([run(2, 300)])
    assert b"m299" in bytes(cramjam.zstd.decompress(first[8:]))
    assert b"m299" not in bytes(cramjam.zstd.decompress(second[8:]))


def test_a_body_that_comes_again_gives_the_same():
    encoder, decoder = Encoder(), Decoder()
    bodies = [encoder.encode([run(number, number)]) for number in range(1, 6)]
    once = [decoder.decode(body) for body in bodies]
    assert [decoder.decode(body) for body in bodies] == once
    assert len(decoder) == 5


def test_a_gap_in_the_dictionary_is_told_apart():
    encoder = Encoder()
    encoder.encode([run(1)])
    late = encoder.encode([run(2)])
    with pytest.raises(UnknownDictionary, match="only 0 are known"):
        Decoder().decode(late)
    encoder.reset()
    assert Decoder().decode(encoder.encode([run(2)])) == [run(2)]


def test_a_new_session_replaces_the_dictionary():
    encoder, decoder = Encoder(), Decoder()
    decoder.decode(encoder.encode([run(1, 5)]))
    encoder.reset()
    assert decoder.decode(encoder.encode([run(2, 2)])) == [run(2, 2)]
    assert len(decoder) == 2


def test_another_meaning_of_a_known_number_is_refused():
    decoder = Decoder()
    decoder.decode(Encoder(new_session=lambda: 5).encode([run(1)]))
    other = Encoder(new_session=lambda: 5).encode([Entry(Mark("x", 1, 1), run(1).batch)])
    with pytest.raises(DecodeError, match="defined differently"):
        decoder.decode(other)


def test_a_large_dictionary_ends_the_session():
    encoder, decoder = Encoder(max_series=10), Decoder()
    sessions = set()
    for number in range(1, 40):
        entry = Entry(Mark("a", 1, number), Batch.of([Sample(Series.of(f"n{number}"), 1, 1.0)]))
        assert decoder.decode(encoder.encode([entry])) == [entry]
        sessions.add(encoder.session)
    assert len(sessions) == 4
    assert len(decoder) <= 11


def test_long_texts_end_the_session_too():
    encoder, decoder = Encoder(max_series=10), Decoder(Limits(characters=4000))
    for number in range(1, 40):
        series = Series.of("m", text=str(number) * 400)
        entry = Entry(Mark("a", 1, number), Batch.of([Sample(series, 1, 1.0)]))
        assert decoder.decode(encoder.encode([entry])) == [entry]


@pytest.mark.parametrize(
    ("limits", "body", "message"),
    [
        (Limits(decompressed=100), [run(1, 50)], "bytes decompressed; at most 100"),
        (Limits(samples=10), [run(1, 11)], "11 samples; at most 10"),
        (Limits(samples=10), [run(1, 6), run(2, 6)], "12 samples in one body; at most 10"),
        (Limits(series=10), [run(1, 11)], "at most 40"),
        (Limits(series=10), [tagged(11)], "more than 10 series"),
        (Limits(label_length=9), [run(1, 1, "a" * 10)], "10 characters; at most 9"),
        (Limits(characters=100), [run(1, 50)], "more than 100 characters in one session"),
        (Limits(labels_per_series=0), [run(1, 1)], "1 labels; at most 0"),
        (
            Limits(events=1),
            [Entry(Mark("a", 1, 1), Batch.of([], [Event(1, "a"), Event(2, "b")]))],
            "2 events; at most 1",
        ),
    ],
)
def test_limits(limits, body, message):
    with pytest.raises(OverLimit, match=message):
        Decoder(limits).decode(Encoder().encode(body))


def compressed(payload: object) -> bytes:
    raw = payload if isinstance(payload, bytes) else msgspec.msgpack.encode(payload)
    return MAGIC + len(raw).to_bytes(4, "little") + bytes(cramjam.zstd.compress(raw))


def parts(body: bytes) -> list:
    """The payload of a body as plain lists."""
    return msgspec.msgpack.decode(bytes(cramjam.zstd.decompress(body[8:])))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        MAGIC,
        b"GNW\x02" + bytes(30),
        MAGIC + bytes(4),
        MAGIC + b"\xff\xff\xff\x03" + bytes(9),
        compressed([]),
        compressed({}),
        compressed(b"\x91" * 100_000),
        compressed(b"\x94\x01" + b"\x91" * 100_000),
        # the announced size is not that of the content
        MAGIC + (10).to_bytes(4, "little") + bytes(cramjam.zstd.compress(bytes(11))),
        MAGIC + (12).to_bytes(4, "little") + bytes(cramjam.zstd.compress(bytes(11))),
    ],
)
def test_bytes_that_are_no_body(body):
    with pytest.raises(DecodeError):
        Decoder().decode(body)


def test_a_bomb_is_not_unpacked():
    bomb = MAGIC + (1 << 20).to_bytes(4, "little") + bytes(cramjam.zstd.compress(bytes(1 << 28)))
    with pytest.raises(DecodeError, match="cannot be decompressed"):
        open_body(bomb)


@pytest.mark.parametrize("header", [b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\x9f"])
def test_a_list_that_claims_more_than_is_there_is_not_allocated(header):
    payload = parts(Encoder().encode([run(1)]))
    raw = msgspec.msgpack.encode(payload)
    forged = msgspec.Raw(header)
    for place in ((1, 1), (1, 3), (1, 4), (2, 0), (3, 1), (3, 0, 0), (3, 2, 0), (3, 3, 1, 0)):
        node = changed = msgspec.msgpack.decode(raw)
        for step in place[:-1]:
            node = node[step]
        node[place[-1]] = forged
        with pytest.raises(DecodeError):
            Decoder().decode(compressed(changed))


GOLDEN = Path(__file__).parents[2] / "golden/codecs/native/two-batches.body.hex"
GOLDEN_ENTRIES = [
    Entry(
        Mark("a1", 0x6B0C51D3A2F41E90, 41),
        Batch.of(
            [
                Sample(Series(Metric("load", unit="", help="Of 1 min."), (("host", "h"),)), 5, 0.5),
                Sample(Series.of("net.bytes", Kind.COUNTER, dev="eth0", host="h"), 5, 1e6),
                Sample(Series.of("ratio", host="h"), 6, 1 / 3),
            ]
        ),
    ),
    Entry(
        Mark("a1", 0x6B0C51D3A2F41E90, 42),
        Batch.of(
            [
                Sample(Series.of("net.bytes", Kind.COUNTER, dev="eth0", host="h"), 10, 1e6 + 1),
                Sample(Series.of("load", host="h"), 10, -0.25),
            ],
            [Event(9, "deploy", "v2", "success", "ci", (("host", "h"),))],
        ),
    ),
]


def test_a_body_of_version_1_is_read():
    """As docs/specs/native-wire.md has it; agents in the field send it."""
    body = bytes.fromhex(GOLDEN.read_text())
    assert bit_exact(Decoder().decode(body)) == bit_exact(GOLDEN_ENTRIES)


def test_a_body_of_version_1_is_written():
    """Compared before compression, which may change with the library."""
    body = Encoder(new_session=lambda: 0x1122334455667788).encode(GOLDEN_ENTRIES)
    assert body[:4] == MAGIC
    assert parts(body) == parts(bytes.fromhex(GOLDEN.read_text()))


def leaves(node: object, path: tuple = ()) -> list[tuple]:
    if isinstance(node, list):
        return [leaf for at, item in enumerate(node) for leaf in leaves(item, (*path, at))]
    return [path]


VALID = Encoder(new_session=lambda: 1).encode(
    [
        run(1),
        run(2),
        Entry(Mark("b", 9, 4), Batch.of([], [Event(5, "title", "text", labels=(("k", "v"),))])),
        Entry(Mark("b", 9, 5), Batch.of([Sample(Series.of("x", a="b"), 7, math.pi)] * 2)),
    ]
)
PATHS = leaves(parts(VALID))
junk = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-3, 300),
    st.binary(max_size=20),
    st.text(max_size=5),
    st.none(),
    st.floats(),
    st.lists(st.integers(-3, 9), max_size=9),
)


def decodes_or_refuses(body: bytes) -> None:
    try:
        decoded = Decoder(Limits(decompressed=1 << 20, samples=5000)).decode(body)
    except DecodeError:
        return
    Encoder().encode(decoded)
    for entry in decoded:
        assert len(entry.batch.index) == len(entry.batch.timestamps) == len(entry.batch.values)
        list(entry.batch)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PATHS), junk), min_size=1, max_size=3))
def test_forged_numbers_never_break_the_decoder(changes):
    payload = parts(VALID)
    for path, value in changes:
        node = payload
        for step in path[:-1]:
            node = node[step]
            if not isinstance(node, list):
                return
        node[path[-1]] = value
    decodes_or_refuses(compressed(payload))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_random_payloads_never_break_the_decoder(raw):
    decodes_or_refuses(compressed(raw))
    decodes_or_refuses(raw)
    decodes_or_refuses(MAGIC + raw)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damaged_bodies_never_break_the_decoder(data):
    raw = bytearray(cramjam.zstd.decompress(VALID[8:]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    decodes_or_refuses(compressed(bytes(raw)))
    decodes_or_refuses(compressed(bytes(raw[:cut])))


@settings(deadline=None)
@given(st.integers(0, len(VALID) - 1), st.integers(0, 255))
def test_a_flipped_byte_of_a_body_never_breaks_the_decoder(at, byte):
    body = bytearray(VALID)
    body[at] = byte
    decodes_or_refuses(bytes(body))
    decodes_or_refuses(VALID[:at])
