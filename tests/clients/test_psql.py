"""psql: its backslash commands show the lake as they show a PostgreSQL database."""

import subprocess
import textwrap

import pytest

SHOP = """
DROP SCHEMA IF EXISTS shop CASCADE;
CREATE SCHEMA shop;
COMMENT ON SCHEMA shop IS 'the shop';
CREATE TABLE shop.item (id int PRIMARY KEY, name varchar(30) NOT NULL DEFAULT 'none', price numeric(8,2),
                        made timestamptz DEFAULT now(), tags text[]);
COMMENT ON TABLE shop.item IS 'what we sell';
COMMENT ON COLUMN shop.item.price IS 'in euros';
CREATE TABLE shop.sale (id bigint, item_id int REFERENCES shop.item (id), qty int CHECK (qty > 0));
CREATE INDEX sale_item ON shop.sale (item_id);
CREATE VIEW shop.cheap AS SELECT id, name FROM shop.item WHERE price < 10;
"""


@pytest.fixture
def shop(server):
    """A schema `shop` with two tables, keys, an index, a view and comments."""
    server.psql(text=SHOP)
    yield server
    server.psql("-c", "DROP SCHEMA shop CASCADE")


def block(text):
    """Takes the indentation off an expected output."""
    return textwrap.dedent(text).strip("\n")


def shown(server, command):
    """What a command prints, without spaces at line ends."""
    output = server.psql("-c", command)
    return "\n".join(line.rstrip() for line in output.rstrip().splitlines())


# What psql 15 prints on PostgreSQL 15 for the same objects, with the owner's name changed.
EXPECTED = {
    r"\d shop.sale": """
                             Table "shop.sale"
         Column  |  Type   | Collation | Nullable | Default
        ---------+---------+-----------+----------+---------
         id      | bigint  |           |          |
         item_id | integer |           |          |
         qty     | integer |           |          |
        Indexes:
            "sale_item" btree (item_id)
        Check constraints:
            "sale_qty_check" CHECK (qty > 0)
        Foreign-key constraints:
            "sale_item_id_fkey" FOREIGN KEY (item_id) REFERENCES shop.item(id)
        """,
    r"\d shop.cheap": """
                               View "shop.cheap"
         Column |         Type          | Collation | Nullable | Default
        --------+-----------------------+-----------+----------+---------
         id     | integer               |           |          |
         name   | character varying(30) |           |          |
        """,
    r"\dt shop.*": """
               List of relations
         Schema | Name | Type  | Owner
        --------+------+-------+--------
         shop   | item | table | gotgan
         shop   | sale | table | gotgan
        (2 rows)
        """,
    r"\dv shop.*": """
               List of relations
         Schema | Name  | Type | Owner
        --------+-------+------+--------
         shop   | cheap | view | gotgan
        (1 row)
        """,
    r"\di shop.*": """
                     List of relations
         Schema |   Name    | Type  | Owner  | Table
        --------+-----------+-------+--------+-------
         shop   | item_pkey | index | gotgan | item
         shop   | sale_item | index | gotgan | sale
        (2 rows)
        """,
    r"\dn+ shop": """
                          List of schemas
         Name | Owner  | Access privileges | Description
        ------+--------+-------------------+-------------
         shop | gotgan |                   | the shop
        (1 row)
        """,
}


@pytest.mark.parametrize("command", EXPECTED)
def test_prints_what_postgres_prints(shop, command):
    """Goal: the same picture as on PostgreSQL. Method: compare whole outputs, apart from centring."""
    lines = [line.strip() for line in shown(shop, command).splitlines()]
    assert lines == [line.strip() for line in block(EXPECTED[command]).splitlines()]


def test_describes_a_table(shop):
    """Goal: \\d with defaults, key and referencing table. Method: the lines that carry them."""
    lines = shown(shop, r"\d shop.item").splitlines()
    text = "\n".join(lines)
    assert ' id     | integer                  |           | not null |' in lines
    assert "name   | character varying(30)    |           | not null | 'none'" in text
    assert "price  | numeric(8,2)             |" in text
    assert "made   | timestamp with time zone |           |          | now()" in text
    assert "tags   | text[]                   |" in text
    assert '    "item_pkey" PRIMARY KEY, btree (id)' in lines
    assert '    TABLE "shop.sale" CONSTRAINT "sale_item_id_fkey" FOREIGN KEY (item_id) REFERENCES shop.item(id)' in lines
    plus = shown(shop, r"\d+ shop.item")
    assert "in euros" in plus
    assert "what we sell" in shown(shop, r"\dt+ shop.item")


def test_lists_databases_schemas_and_roles(server):
    """Goal: \\l \\dn \\du. Method: the one database, schema public, the superuser."""
    assert [line.split("|")[0].strip() for line in shown(server, r"\l").splitlines()[3:4]] == ["gotgan"]
    assert "public" in shown(server, r"\dn")
    assert "gotgan" in shown(server, r"\du") and "Superuser" in shown(server, r"\du")


def test_functions_extensions_and_views(shop):
    """Goal: \\df \\dx \\sv. Method: a known function, no extension of ours, a view's text that runs again."""
    assert "pg_catalog | upper | text" in " ".join(shown(shop, r"\df upper").split())
    assert "List of installed extensions" in shown(shop, r"\dx")
    text = shop.psql("-c", r"\sv shop.cheap")
    assert text.startswith("CREATE OR REPLACE VIEW shop.cheap AS")
    shop.psql(text=text + ";")
    assert shop.psql("-At", "-c", "SELECT count(*) FROM shop.cheap") == "0\n"


@pytest.mark.parametrize(
    "command",
    [r"\d", r"\dt", r"\dv", r"\ds", r"\di", r"\dm", r"\dp shop.*", r"\dT int4", r"\do ||", r"\db", r"\dd", r"\dC", r"\dconfig TimeZone",
     r"\d+ shop.cheap", r"\d shop.item_pkey", r"\df", r"\da", r"\dD", r"\des", r"\dRp", r"\dy", r"\dF", r"\dL", r"\dO", r"\drds", r"\dA",
     r"\ddp", r"\dE", r"\dS pg_class", r"\encoding", r"\conninfo", r"\l+", r"\dn+", r"\dt+ *.*", r"\d *.*"],
)  # fmt: skip
def test_command_runs(shop, command):
    """Goal: no backslash command fails. Method: run it; psql stops at the first error."""
    shop.psql("-c", command)


def test_copy_loads_and_unloads_files(shop, tmp_path):
    """Goal: \\copy from and to files. Method: csv with header, text, a query."""
    source = tmp_path / "in.csv"
    source.write_text('id,name,price\n1,"tea, green",2.50\n2,곡물,10\n')
    shop.psql("-c", rf"\copy shop.item (id, name, price) FROM '{source}' CSV HEADER")
    target = tmp_path / "out.csv"
    shop.psql("-c", rf"\copy (SELECT id, name, price FROM shop.item ORDER BY id) TO '{target}' CSV HEADER")
    assert target.read_text() == 'id,name,price\n1,"tea, green",2.50\n2,곡물,10.00\n'
    bad = tmp_path / "bad.csv"
    bad.write_text("3,x,1\n4,y,much\n")
    done = shop.psql("-c", rf"\copy shop.item (id, name, price) FROM '{bad}' CSV", check=False)
    assert done.returncode != 0
    assert 'invalid input syntax for type numeric: "much"' in done.stderr
    assert 'CONTEXT:  COPY item, line 2, column price: "much"' in done.stderr
    assert shop.psql("-At", "-c", "SELECT count(*) FROM shop.item") == "2\n"


def test_scripts_variables_and_transactions(server):
    """Goal: psql as a script runner. Method: variables, \\gset, \\gexec, \\if, single transaction."""
    script = r"""
        \set limit 3
        SELECT count(*) AS n FROM generate_series(1, :limit) \gset
        \if :{?n}
        \echo counted :n
        \endif
        SELECT format('SELECT %s AS x', n) FROM generate_series(1, 2) AS n \gexec
        SELECT 1 AS a, 'b' AS c \gdesc
        SELECT $1::int + 1 AS bound \bind 4 \g
    """
    script = "\n".join(line for line in textwrap.dedent(script).splitlines() if r"\bind" not in line)
    output = server.psql("-At", text=script)
    assert "counted 3" in output and "1\n2\n" in output and "a|integer" in output and "c|text" in output
    done = server.psql("-1", "-c", "CREATE TABLE never (a int)", "-c", "SELECT 1 / 0", check=False)
    assert "division by zero" in done.stderr
    assert server.psql("-At", "-c", "SELECT to_regclass('never') IS NULL") == "t\n"


def test_error_shows_where(server):
    """Goal: the caret under the mistake. Method: a misspelt column on the second line."""
    done = server.psql("-c", "SELECT 1,\n       nope FROM pg_class", check=False)
    assert "LINE 2:        nope FROM pg_class" in done.stderr
    assert done.stderr.rstrip().endswith("^")


def test_pg_isready_and_version(server):
    """Goal: tools beside psql. Method: pg_isready; the version banner."""
    done = subprocess.run(["pg_isready", "-h", "127.0.0.1", "-p", str(server.port)], capture_output=True, text=True)
    assert "accepting connections" in done.stdout
    assert server.psql("-At", "-c", "SELECT version()").startswith("PostgreSQL 15.")
