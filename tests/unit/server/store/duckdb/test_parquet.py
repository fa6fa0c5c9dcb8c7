"""Samples as Parquet: exact, and in the encoding that suits them."""

import duckdb
import numpy as np
import pytest

from gnomon.server.store.duckdb.parquet import write_parquet
from gnomon.server.store.duckdb.rows import Run, offsets_of


def run_of(values) -> Run:
    count = len(values)
    sizes = np.full(max(1, count // 500), 500)
    sizes[-1] += count - sizes.sum()
    times = np.arange(count, dtype=np.int64) * 1000
    refs = np.arange(len(sizes), dtype=np.uint32)
    return Run(refs, offsets_of(sizes), times, np.asarray(values, float), 0, count * 1000)


def encodings(con, path) -> dict[str, str]:
    query = f"SELECT DISTINCT path_in_schema, encodings FROM parquet_metadata('{path}')"
    return dict(con.execute(query).fetchall())


@pytest.mark.parametrize("count", [1, 499, 200_000])
def test_values_come_back_bit_by_bit(tmp_path, count):
    bits = np.random.default_rng(0).integers(-(1 << 63), 1 << 63, count)
    bits[0] = 0x7FF0000000000002
    run = run_of(bits.view(np.float64))
    with duckdb.connect() as con:
        write_parquet(con, tmp_path / "file.parquet", run)
        found = con.execute(f"SELECT * FROM '{tmp_path}/file.parquet'").fetchnumpy()
    assert found["value"].view(np.int64).tolist() == bits.tolist()
    assert np.array_equal(found["ts"], run.timestamps)
    assert np.array_equal(found["ref"], run.ref_column())


def test_few_different_values_have_a_dictionary_and_many_have_none(tmp_path):
    chance = np.random.default_rng(0)
    percents = 100 * chance.poisson(30, 150_000) / (1000 + chance.integers(-3, 4, 150_000))
    totals = np.cumsum(chance.poisson(50, 150_000)).astype(float)
    with duckdb.connect() as con:
        for name, values, expected in (
            ("percents", percents, "RLE_DICTIONARY"),
            ("totals", totals, "BYTE_STREAM_SPLIT"),
        ):
            path = tmp_path / f"{name}.parquet"
            write_parquet(con, path, run_of(values))
            assert encodings(con, path)["value"] == expected
            assert path.stat().st_size < 2 * len(values)
