"""Statements by which a role without any rights could take the server from everybody else."""

import time

import pytest

from attack_own import running, world  # noqa: F401, fixtures
from attack_world import rows

# Each makes a chain of so many links. The parser makes of a chain a tree as deep as it is long.
CHAINS = {
    "plus": lambda count: f"SELECT {'1 + ' * count}1",
    "and": lambda count: f"SELECT 1 WHERE {'1 = 1 AND ' * count}true",
    "or": lambda count: f"SELECT 1 WHERE {'1 = 2 OR ' * count}true",
    "concat": lambda count: f"SELECT {chr(39)}a{chr(39)} {'|| 1 ' * count}",
    "union": lambda count: f"{'SELECT 1 UNION ALL ' * count}SELECT 1",
    "join": lambda count: f"SELECT 1 FROM {' CROSS JOIN '.join(f'(VALUES (1)) AS x{i}' for i in range(count))}",
    "from": lambda count: f"SELECT 1 FROM {', '.join(f'(VALUES (1)) AS x{i}' for i in range(count))}",
    "case": lambda count: f"SELECT {'CASE WHEN true THEN 1 END + ' * count}1",
    "casts": lambda count: f"SELECT 1{'::int' * count}",
    "null tests": lambda count: f"SELECT 1{' IS NULL' * count}",
    "minus": lambda count: f"SELECT {'- ' * count}1",
    "not": lambda count: f"SELECT {'NOT ' * count}true",
    "subscripts": lambda count: f"SELECT (ARRAY[1]){'[1:1]' * count}",
    "calls": lambda count: f"SELECT {'abs(' * count}1{')' * count}",
    "brackets": lambda count: f"SELECT {'(' * count}1{')' * count}",
    "subqueries": lambda count: f"SELECT {'(SELECT ' * count}1{')' * count}",
    "default": lambda count: f"CREATE TEMPORARY TABLE d (x int DEFAULT {'1 + ' * count}1)",
    "policy": lambda count: f"CREATE POLICY p ON pg_class USING ({'true AND ' * count}true)",
    "explain": lambda count: f"{'EXPLAIN ' * count}SELECT 1",
}

# What a statement may take that is refused or small.
SECONDS_MAX = 20


@pytest.mark.parametrize("chain", CHAINS)
def test_long_chain(world, chain):
    """Goal: no depth of a statement ends the process, which a stack that overflows does. Method: chains of any length,
    some of them longer than any stack; each is answered or refused as too complex."""
    for count in (10, 5000, 300_000):
        outcome = world.mallory.run(CHAINS[chain](count))
        assert outcome.code != "08006", f"the connection ended at {count}: {outcome}"
        assert count == 10 or outcome.failed, f"{count} links were taken"
        assert outcome.code in ("00000", "54001", "42601", "0A000", "42883", "42809", "42501"), (count, outcome)
        assert rows(world.victim, "SELECT 1") == [("1",)]


@pytest.mark.parametrize(
    "expression",
    [
        "SELECT 7" + "::int::text" * 40,
        "SELECT " + "- " * 80 + "7",
        "SELECT " + "~ " * 80 + "7",
        "SELECT (ARRAY[7])" + "[1:1]" * 40,
        "SELECT " + "pow(" * 40 + "1" + ", 1)" * 40,
    ],
)
def test_work_does_not_double_with_each_level(world, running, expression):
    """Goal: a short statement takes short time and little memory, however its parts stand within each other."""
    before = running.memory_bytes()
    start = time.monotonic()
    world.mallory.must(expression)
    assert time.monotonic() - start < SECONDS_MAX
    assert running.memory_bytes() - before < 500 << 20
