"""The wire between agent and server: MessagePack columns behind zstd, with a series dictionary.

`Encoder` makes bodies of entries, `Decoder` makes entries of bodies; one of each per session. The
parts below them (`Dictionary` and `Table`, `pack` and `unpack`) also serve the disk buffer. The
format is written down in docs/specs/native-wire.md. Any bytes give entries or a `DecodeError`, in
time and memory bounded by `Limits`.
"""

from gnomon.codecs.native.body import CONTENT_TYPE, MAGIC, Decoder, Encoder, Payload, open_body
from gnomon.codecs.native.columns import Columns, pack, unpack
from gnomon.codecs.native.compression import compress, decompress
from gnomon.codecs.native.dictionary import Definitions, Dictionary, Table, UnknownDictionary
from gnomon.codecs.native.limits import Limits, OverLimit

__all__ = [
    "CONTENT_TYPE",
    "MAGIC",
    "Columns",
    "Decoder",
    "Definitions",
    "Dictionary",
    "Encoder",
    "Limits",
    "OverLimit",
    "Payload",
    "Table",
    "UnknownDictionary",
    "compress",
    "decompress",
    "open_body",
    "pack",
    "unpack",
]
