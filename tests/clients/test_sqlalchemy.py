"""SQLAlchemy: creating, reflecting and querying, over psycopg2, psycopg and asyncpg's sibling dialects."""

import datetime
import decimal

import pytest
import sqlalchemy as sa


@pytest.fixture(params=["postgresql+psycopg2", "postgresql+psycopg"])
def engine(server, request):
    engine = sa.create_engine(server.dsn(request.param))
    yield engine
    engine.dispose()


def tables(schema):
    """Two tables with keys, defaults and comments."""
    metadata = sa.MetaData(schema=schema)
    parent = sa.Table(
        "parent",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(30), nullable=False, comment="what it is called"),
        comment="those who have children",
    )
    child = sa.Table(
        "child",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("parent_id", sa.ForeignKey(parent.c.id), index=True),
        sa.Column("amount", sa.Numeric(12, 2), server_default="0.00"),
        sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("day", sa.Date),
        sa.Column("tags", sa.ARRAY(sa.Text)),
        sa.UniqueConstraint("parent_id", "day", name="once_a_day"),
    )
    return metadata, parent, child


def test_creates_inserts_and_selects(engine, schema):
    """Goal: Core's round trip. Method: create_all, insert, join, aggregate, drop_all."""
    metadata, parent, child = tables(schema)
    metadata.create_all(engine)
    day = datetime.date(2026, 11, 20)
    with engine.begin() as connection:
        connection.execute(parent.insert(), [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}])
        connection.execute(
            child.insert(),
            [{"id": n, "parent_id": n % 2 + 1, "amount": decimal.Decimal(n), "day": day, "tags": ["a", "b"]} for n in range(10)],
        )
        total = sa.func.sum(child.c.amount).label("total")
        query = sa.select(parent.c.name, total).join(child).group_by(parent.c.name).order_by(parent.c.name)
        assert connection.execute(query).all() == [("one", decimal.Decimal("20.00")), ("two", decimal.Decimal("25.00"))]
        row = connection.execute(child.select().where(child.c.id == 3)).one()
        assert (row.day, row.tags, row.made.tzinfo is not None) == (day, ["a", "b"], True)
        assert connection.execute(sa.select(sa.func.count()).where(child.c.tags.any("a"))).scalar() == 10
    metadata.drop_all(engine)
    assert sa.inspect(engine).get_table_names(schema=schema) == []


def test_reflects(engine, schema):
    """Goal: Inspector, which BI tools use. Method: compare with what was made."""
    metadata, parent, child = tables(schema)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE VIEW {schema}.rich AS SELECT id FROM {schema}.child WHERE amount > 100"))
    inspector = sa.inspect(engine)
    assert schema in inspector.get_schema_names()
    assert sorted(inspector.get_table_names(schema=schema)) == ["child", "parent"]
    assert inspector.get_view_names(schema=schema) == ["rich"]
    assert "amount" in inspector.get_view_definition("rich", schema=schema)
    assert inspector.has_table("child", schema=schema) and not inspector.has_table("nope", schema=schema)
    columns = {column["name"]: column for column in inspector.get_columns("child", schema=schema)}
    assert isinstance(columns["id"]["type"], sa.BigInteger) and not columns["id"]["nullable"]
    assert (columns["amount"]["type"].precision, columns["amount"]["type"].scale) == (12, 2)
    assert columns["amount"]["default"] == "0.00"
    assert columns["made"]["type"].timezone and columns["made"]["default"] == "now()"
    assert isinstance(columns["tags"]["type"], sa.ARRAY)
    assert inspector.get_columns("parent", schema=schema)[1]["comment"] == "what it is called"
    assert inspector.get_table_comment("parent", schema=schema) == {"text": "those who have children"}
    assert inspector.get_pk_constraint("child", schema=schema)["constrained_columns"] == ["id"]
    foreign = inspector.get_foreign_keys("child", schema=schema)
    assert [(key["constrained_columns"], key["referred_table"], key["referred_columns"]) for key in foreign] == [
        (["parent_id"], "parent", ["id"])
    ]
    unique = inspector.get_unique_constraints("child", schema=schema)
    assert [(key["name"], key["column_names"]) for key in unique] == [("once_a_day", ["parent_id", "day"])]
    assert {index["name"] for index in inspector.get_indexes("child", schema=schema)} >= {f"ix_{schema}_child_parent_id"}
    reflected = sa.MetaData()
    reflected.reflect(engine, schema=schema, views=True)
    assert set(reflected.tables) == {f"{schema}.{name}" for name in ("parent", "child", "rich")}


def test_isolation_level_and_rollback(engine, schema):
    """Goal: transactions as SQLAlchemy begins them. Method: isolation levels, rollback, savepoint."""
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {schema}.t (a int)"))
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        assert connection.get_isolation_level() == "REPEATABLE READ"
        connection.execute(sa.text(f"INSERT INTO {schema}.t VALUES (1)"))
        with connection.begin_nested() as savepoint:
            connection.execute(sa.text(f"INSERT INTO {schema}.t VALUES (2)"))
            savepoint.rollback()
        assert connection.execute(sa.text(f"SELECT sum(a) FROM {schema}.t")).scalar() == 1
        connection.rollback()
    with engine.connect() as connection:
        assert connection.execute(sa.text(f"SELECT count(*) FROM {schema}.t")).scalar() == 0


def test_server_side_streaming(engine, schema):
    """Goal: large results without server cursors. Method: yield_per over a plain query."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT n FROM generate_series(1, 50000) AS n"))
        assert sum(row.n for row in rows.yield_per(1000)) == 1_250_025_000
