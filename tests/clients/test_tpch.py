"""TPC-H at scale 0.01: loaded through psql's \\copy, all answers equal to DuckDB's."""

import pathlib
import sys

import duckdb
import psycopg2
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import tpch  # noqa: E402


@pytest.fixture(scope="module")
def loaded(running, tmp_path_factory):
    """A connection to the server and one to DuckDB, both with the eight tables."""
    folder = tmp_path_factory.mktemp("tpch")
    tpch.generate(folder, 0.01)
    script = ["CREATE SCHEMA tpch;", "SET search_path = tpch;"]
    script += [statement + ";" for statement in tpch.schema()]
    script += [tpch.copy_command(table, folder) for table in tpch.TABLES]
    running.psql(text="\n".join(script))
    reference = duckdb.connect()
    tpch.load_duckdb(reference, folder)
    connection = psycopg2.connect(**running.arguments, dbname="gotgan", options="-c search_path=tpch")
    connection.autocommit = True
    yield connection, reference
    connection.close()
    running.psql("-c", "DROP SCHEMA tpch CASCADE")


@pytest.mark.parametrize("table", tpch.TABLES)
def test_table_holds_what_the_file_holds(server, loaded, table):
    """Goal: \\copy loses and changes nothing. Method: all rows of both, in order."""
    connection, reference = loaded
    keys = {"lineitem": "l_orderkey, l_linenumber", "partsupp": "ps_partkey, ps_suppkey"}
    sql = f"SELECT * FROM {table} ORDER BY {keys.get(table, 1)}"
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert tpch.differences(cursor.fetchall(), reference.execute(sql).fetchall()) == []


@pytest.mark.parametrize("name", tpch.queries())
def test_query_answers_like_duckdb(server, loaded, name):
    """Goal: the right answer. Method: the same query on the same data in DuckDB."""
    connection, reference = loaded
    sql = tpch.queries()[name]
    wanted = reference.execute(sql).fetchall()
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert tpch.differences(cursor.fetchall(), wanted) == []
