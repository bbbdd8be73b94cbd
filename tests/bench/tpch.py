"""TPC-H for the tests and the benchmark: data, tables, queries, comparing answers."""

import decimal
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent / "tpch"
TABLES = ["region", "nation", "part", "supplier", "partsupp", "customer", "orders", "lineitem"]

# DuckDB divides and averages decimals as double precision, which has 15 to 17
# digits. All other numbers must be equal to the last digit.
DOUBLE_TOLERANCE = decimal.Decimal("1e-12")


def schema():
    """Returns the statements that make the eight tables."""
    text = (FOLDER / "schema.sql").read_text()
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def queries():
    """Returns the 22 queries by name, `q01` to `q22`."""
    return {path.stem: path.read_text() for path in sorted(FOLDER.glob("q*.sql"))}


def generate(folder, scale, tables=None):
    """Writes the tables as CSV files with a header, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [table for table in tables or TABLES if not (folder / f"{table}.csv").exists()]
    if missing:
        tool = pathlib.Path(sys.executable).parent / "tpchgen-cli"
        command = [tool, "csv", "-s", str(scale), "-o", folder, "--tables", ",".join(missing)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def copy_command(table, folder):
    """Returns psql's command that loads a table."""
    return rf"\copy {table} FROM '{folder / f'{table}.csv'}' WITH (FORMAT csv, HEADER)"


def load_duckdb(connection, folder):
    """Makes and fills the tables in DuckDB."""
    for statement in schema():
        connection.execute(statement)
    for table in TABLES:
        connection.execute(f"COPY {table} FROM '{folder / f'{table}.csv'}' (HEADER)")


def differences(got, wanted):
    """Compares two answers row by row; returns texts, none if they are equal."""
    if len(got) != len(wanted):
        return [f"{len(got)} rows instead of {len(wanted)}"]
    found = []
    for number, (row, other) in enumerate(zip(got, wanted), 1):
        if len(row) != len(other) or not all(map(is_equal, row, other)):
            found.append(f"row {number}: {row} instead of {other}")
    return found


def is_equal(value, other):
    """Whether two values are the same; a float only to `DOUBLE_TOLERANCE`."""
    if isinstance(value, str) and isinstance(other, str):
        # DuckDB has no char(n) and so no padding.
        return value.rstrip(" ") == other.rstrip(" ")
    if isinstance(value, float) or isinstance(other, float):
        if value is None or other is None:
            return value is other
        left, right = decimal.Decimal(value), decimal.Decimal(other)
        return abs(left - right) <= DOUBLE_TOLERANCE * max(abs(left), abs(right), 1)
    return value == other
