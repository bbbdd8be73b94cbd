"""pandas: data frames to tables and back."""

import datetime

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa


@pytest.fixture
def engine(server):
    engine = sa.create_engine(server.dsn("postgresql+psycopg2"))
    yield engine
    engine.dispose()


def frame(row_count):
    """A frame with one column of each common kind, some values missing."""
    index = np.arange(row_count)
    return pd.DataFrame(
        {
            "whole": index,
            "ratio": index / 4,
            "name": [f"row {n}" for n in index],
            "flag": index % 2 == 0,
            "at": pd.Timestamp("2026-11-20 09:15:30.123456") + pd.to_timedelta(index, unit="s"),
            "maybe": [None if n % 3 else float(n) for n in index],
        }
    )


@pytest.mark.parametrize("method", [None, "multi"])
def test_frame_goes_round(engine, schema, method):
    """Goal: to_sql and read_sql. Method: write, read, compare with pandas' own comparison."""
    written = frame(500)
    written.to_sql("t", engine, schema=schema, index=False, method=method, chunksize=100)
    read = pd.read_sql(f"SELECT * FROM {schema}.t ORDER BY whole", engine)
    pd.testing.assert_frame_equal(read, written, check_dtype=False)
    assert read["whole"].dtype.kind == "i" and read["ratio"].dtype.kind == "f"


def test_replace_and_append(engine, schema):
    """Goal: if_exists. Method: replace twice, append once."""
    small = frame(10)
    for _ in range(2):
        small.to_sql("t", engine, schema=schema, index=False, if_exists="replace")
    small.to_sql("t", engine, schema=schema, index=False, if_exists="append")
    assert pd.read_sql(f"SELECT count(*) AS n FROM {schema}.t", engine)["n"][0] == 20
    with pytest.raises(ValueError, match="already exists"):
        small.to_sql("t", engine, schema=schema, index=False)


def test_read_table_chunks_and_parameters(engine, schema):
    """Goal: read_sql_table, chunksize, params. Method: a table of 1,000 rows."""
    frame(1000).to_sql("t", engine, schema=schema, index=False)
    assert len(pd.read_sql_table("t", engine, schema=schema)) == 1000
    chunks = list(pd.read_sql(f"SELECT whole FROM {schema}.t", engine, chunksize=300))
    assert [len(chunk) for chunk in chunks] == [300, 300, 300, 100]
    query = sa.text(f"SELECT name FROM {schema}.t WHERE whole = :n")
    assert pd.read_sql(query, engine, params={"n": 7})["name"][0] == "row 7"
    dates = pd.read_sql("SELECT date '2026-11-20' AS d, timestamptz '2026-11-20 00:00+00' AS tz", engine)
    assert dates["d"][0] == datetime.date(2026, 11, 20)
    assert str(dates["tz"].dtype).startswith("datetime64")
