"""Random SELECTs over four tables: joins, subqueries, groups, windows, set operations, WITH.

Left out, since the answer is open or differs as COMPATIBILITY.md says: intervals as keys of groups
and of sets, jsonb and arrays as keys of an order that cuts rows off, frames that move over
aggregates other than sums and the like, references from a DISTINCT ON to an outer query, windows
right below ANY and ALL.
"""

import random

from random_expressions import NAMES, Expressions, Node

COLUMNS = {
    "k": "i", "i": "i", "b": "b", "s": "s", "n": "n", "f": "f", "t": "t", "v": "t", "d": "d", "ts": "ts",
    "tz": "tz", "bo": "bo", "iv": "iv", "u": "u", "j": "j", "ia": "ia", "ta": "ta",
}  # fmt: skip
DECLARED = {"n": "numeric(12,2)", "v": "varchar(10)"}
TABLES = {"t1": list(COLUMNS), "t2": list(COLUMNS), "t3": ["k", "i", "t", "n", "d"], "e": ["k", "i", "t", "n"]}
ROWS = {"t1": 25, "t2": 14, "t3": 8, "e": 0}
VALUES = {
    "i": "0 1 2 3 -1 -7 10 5",
    "b": "0 1 2 3 -1 100 4000000000 -4000000000",
    "s": "0 1 2 3 -3 30",
    "n": "0 1.50 2 -1.25 99.99 0.01 3 100.00 -7.50",
    "f": "0 1.5 -2.25 1e10 0.1 3 -1 100",
    "t": "'' 'a' 'b' 'A' 'abc' 'a\u00a0b' 'ab%' 'Zebra' 'x_y' 'ünï' '12'",
    "v": "'' 'a' 'b' 'abc' 'Hello'",
    "d": "'2024-02-29' '2023-12-31' '2024-01-01' '1999-12-31' '2000-02-28' '2024-03-10'",
    "ts": "'2024-02-29T12:34:56.789' '2023-12-31T23:59:59' '2024-01-01' '1969-07-20T20:17:40'",
    "tz": "'2024-02-29T12:34:56.789+00' '2023-12-31T23:59:59+00' '2024-01-01T00:00:00+00'",
    "bo": "true false",
    "iv": "'1day' '25hours' '1mon' '31days' '-3hours' 'P1Y2M3DT4H5M6.5S' '0'",
    "u": "'00000000-0000-0000-0000-000000000001' 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
    "j": """'{}' '[]' '1' '"a"' 'null' '{"a":1,"b":[1,2]}' '{"a":null}' '[1,2,{"a":3}]' '{"b":"x","a":2}'""",
    "ia": "'{}' '{1}' '{1,2,3}' '{NULL,1}' '{3,1}'",
    "ta": """'{}' '{a}' '{a,b,NULL}' '{"",x}'""",
}
KINDS = ["i", "i", "i", "b", "s", "n", "n", "f", "t", "t", "t", "d", "ts", "tz", "bo", "iv", "u", "j", "ia", "ta"]
# Types whose order is the same in both.
ORDERED = [kind for kind in KINDS if kind not in ("j", "ia", "ta")]
BOUNDS = ["UNBOUNDED PRECEDING", "2 PRECEDING", "1 PRECEDING", "CURRENT ROW", "1 FOLLOWING", "UNBOUNDED FOLLOWING"]


def create(table):
    """The statement that makes a table."""
    columns = ", ".join(f"{name} {DECLARED.get(name, NAMES[COLUMNS[name]])}" for name in TABLES[table])
    return f"CREATE TABLE {table} ({columns})"


def rows(table):
    """The rows of a table, as texts of VALUES; the same each time."""
    chance = random.Random(table)
    for key in range(ROWS[table]):
        cells = [str(key)]
        for name in TABLES[table][1:]:
            cells.append("NULL" if chance.random() < 0.2 else chance.choice(VALUES[name].split(" ")))
        yield f"({', '.join(cells)})"


class Queries(Expressions):
    """Queries of one seed; `depth` is how deep subqueries go."""

    def __init__(self, seed):
        super().__init__(random.Random(seed))
        self.depth = self.random.choice([0, 1, 2, 3])
        self.names = 0
        self.withs = []

    def name(self, letter="a"):
        self.names += 1
        return f"{letter}{self.names}"

    def likely(self, chance):
        return self.random.random() < chance

    def pick(self, *choices):
        return self.random.choice(choices)

    def kinds(self, choices=KINDS):
        return [self.random.choice(choices) for _ in range(self.pick(1, 2, 3))]

    def plain(self, kind, depth, scope):
        """An expression without subqueries."""
        saved, self.depth = self.depth, 0
        try:
            return self.expression(kind, depth, scope)
        finally:
            self.depth = saved

    def special(self, kind, depth, scope):
        if self.depth <= 0 or not self.likely(0.13):
            return None
        self.depth -= 1
        try:
            return self.subquery(kind, scope)
        finally:
            self.depth += 1

    def subquery(self, kind, scope):
        """A subquery as an expression, which may refer to its surroundings."""
        if kind == "bo":
            return self.truth(scope)
        if kind in ("ia", "ta"):
            query, _ = self.query(scope, ["i" if kind == "ia" else "t"])
            return Node(kind, ["ARRAY(SELECT x FROM (", query, ") AS z(x) ORDER BY 1)"])
        if self.likely(0.5):
            source, columns = self.source(scope, self.pick(1, 1, 2))
            aggregate = self.aggregate(kind, columns)
            if aggregate is not None:
                return Node(kind, ["(SELECT ", aggregate, " FROM ", source, self.where(columns + scope), ")"])
        if kind not in ORDERED:
            return None
        query, _ = self.query(scope, [kind])
        return Node(kind, ["(SELECT x FROM (", query, ") AS z(x) ORDER BY 1 LIMIT 1)"])

    def truth(self, scope):
        """EXISTS, IN, ANY and ALL."""
        form = self.pick("EXISTS", "NOT EXISTS", "IN", "NOT IN", "ANY", "ALL", "row")
        if form.endswith("EXISTS"):
            query, _ = self.query(scope, None)
            return Node("bo", [f"({form} (", query, "))"])
        kind = self.pick("i", "t", "n", "d", "b")
        operand = self.expression(kind, 1, scope)
        if form == "row":
            query, _ = self.query(scope, [kind, "i"])
            second = self.expression("i", 1, scope)
            return Node("bo", ["((", operand, ", ", second, self.pick(") IN (", ") NOT IN ("), query, "))"])
        query, _ = self.query(scope, [kind])
        if form in ("ANY", "ALL"):
            form = f"{self.pick('=', '<', '>=', '<>')} {form}"
            query = Node("query", ["SELECT x FROM (", query, ") AS z(x)"])
        return Node("bo", ["(", operand, f" {form} (", query, "))"])

    def aggregate(self, kind, columns):
        """An aggregate over some columns, or None."""
        part = lambda of: self.plain(of, self.pick(0, 0, 1), columns)
        distinct = self.pick("", "", "", "DISTINCT ")
        ordered = lambda argument: ["(", argument, " ORDER BY ", argument, self.pick("", " DESC"), ")"]
        if kind == "b":
            parts = self.pick(["count(*)"], ["count(", distinct, part(self.pick(*KINDS)), ")"], ["sum(", part("i"), ")"])
        elif kind == "n":
            parts = self.pick(
                ["sum(", distinct, part("n"), ")"],
                ["round(avg(", distinct, part(self.pick("i", "n", "b")), "), 4)"],
                ["sum(", part("b"), ")"],
            )
        elif kind == "i":
            parts = self.pick(
                ["bit_or(", part("i"), ")"],
                ["count(*)::int"],
                ["percentile_disc(0.5) WITHIN GROUP (ORDER BY ", part("i"), ")"],
                ["max(", part("i"), ")"],
            )
        elif kind == "bo":
            parts = [self.pick("bool_and", "bool_or", "every"), "(", part("bo"), ")"]
        elif kind in ("ia", "ta"):
            parts = ["array_agg", *ordered(part(kind[0]))]
        elif kind == "j":
            parts = ["jsonb_agg", *ordered(part(self.pick("i", "t", "d")))]
        elif kind == "u":
            return None
        else:
            parts = [self.pick("max", "min"), "(", part(kind), ")"]
        filtered = Node("optional", [" FILTER (WHERE ", self.plain("bo", 1, columns), ")"])
        return Node(kind, [*parts, filtered if self.likely(0.2) else ""])

    def where(self, scope):
        if self.likely(0.45):
            return ""
        return Node("optional", [" WHERE ", self.expression("bo", self.pick(1, 2, 2), scope)])

    # What stands in FROM.

    def item(self, outer, beside):
        """One relation with its columns; `beside`, where it is LATERAL, are those it may use."""
        alias, chance = self.name(), self.random.random()
        if chance < 0.62 or (self.depth <= 0 and chance < 0.88):
            table = self.pick("t1", "t2", "t2", "t3", "e")
            return Node("item", [f"{table} AS {alias}"]), [(f"{alias}.{c}", COLUMNS[c]) for c in TABLES[table]]
        if chance < 0.7 and self.withs:
            name, columns = self.random.choice(self.withs)
            return Node("item", [f"{name} AS {alias}"]), [(f"{alias}.{c}", kind) for c, kind in columns]
        if chance < 0.88:
            self.depth -= 1
            query, kinds = self.query(outer if beside is None else beside, self.kinds(ORDERED))
            self.depth += 1
            start = "(" if beside is None else "LATERAL ("
            return self.derived(alias, [start, query, ")"], kinds)
        if chance < 0.94:
            if beside and self.likely(0.5):
                return self.derived(alias, ["LATERAL unnest(", self.plain("ia", 1, beside), ")"], ["i"])
            return self.derived(alias, [f"generate_series(1, {self.pick(0, 1, 3)})"], ["i"])
        kinds = [self.pick("i", "t", "d") for _ in range(self.pick(1, 2))]
        cells = [", ".join(str(self.leaf(kind, [])) for kind in kinds) for _ in range(self.pick(1, 2, 3))]
        return self.derived(alias, [f"(VALUES ({'), ('.join(cells)}))"], kinds)

    def derived(self, alias, parts, kinds):
        names = [f"c{index}" for index in range(len(kinds))]
        columns = [(f"{alias}.{name}", kind) for name, kind in zip(names, kinds)]
        return Node("item", [*parts, f" AS {alias}({', '.join(names)})"]), columns

    def source(self, outer, count=None):
        """FROM with its columns."""
        tree, columns = self.item(outer, None)
        for _ in range((count or self.pick(1, 1, 1, 2, 2, 3)) - 1):
            kind = self.pick("JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "USING", "NATURAL")
            if kind in ("USING", "NATURAL"):
                other, more = self.merged(kind)
                tree, columns = Node("source", [tree, " CROSS JOIN ", other]), columns + more
                continue
            lateral = kind in ("JOIN", "LEFT JOIN", "CROSS JOIN") and self.likely(0.25)
            other, more = self.item(outer, columns + outer if lateral else None)
            joined = [tree, f" {kind} ", other]
            if kind != "CROSS JOIN":
                joined += [" ON ", self.condition(columns, more, kind)]
            tree, columns = Node("source", joined), columns + more
        return tree, columns

    def merged(self, kind):
        """A join by USING or NATURAL of two tables, in a subquery that selects its columns."""
        left, right = self.pick(("t3", "e"), ("t3", "t3"), ("t1", "t3"), ("t3", "t2"), ("t1", "t2"))
        join, alias = self.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"), self.name()
        common = [column for column in TABLES[left] if column in TABLES[right]]
        if kind == "NATURAL":
            text, keys = f"{left} AS x NATURAL {join} {right} AS y", common
        else:
            keys = self.random.sample([key for key in common if key != "iv"], self.pick(1, 1, 2))
            text = f"{left} AS x {join} {right} AS y USING ({', '.join(keys)})"
        single = [c for c in TABLES[left] + TABLES[right] if (c in TABLES[left]) != (c in TABLES[right])]
        columns = [(f"{alias}.{column}", COLUMNS[column]) for column in keys + single]
        return Node("item", [f"(SELECT {', '.join(keys + single)} FROM {text}) AS {alias}"]), columns

    def condition(self, left, right, kind):
        """ON; a full join takes equalities only, beside others."""
        pairs = [(a, b) for a, own in left for b, other in right if own == other and own in ("i", "t", "d", "n", "b", "u")]
        equal = Node("bo", ["{} = {}".format(*self.random.choice(pairs))]) if pairs else None
        if kind == "FULL JOIN":
            return equal or Node("bo", ["true"])
        if equal is not None and self.likely(0.5):
            return equal
        other = self.plain("bo", self.pick(1, 2), left + right)
        return other if equal is None else Node("bo", ["(", equal, self.pick(" AND ", " AND ", " OR "), other, ")"])

    # Whole queries.

    def query(self, outer, kinds):
        """A query whose columns have these types, and the types."""
        kinds = kinds or self.kinds()
        chance = self.random.random()
        if chance < 0.07 and self.depth > 0 and "iv" not in kinds:
            self.depth -= 1
            left, right = self.query(outer, kinds)[0], self.query(outer, kinds)[0]
            self.depth += 1
            operator = self.pick("UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL")
            return self.limited(Node("query", ["(", left, f") {operator} (", right, ")"]), kinds), kinds
        if chance < 0.12 and self.depth > 0:
            return self.with_query(outer, kinds), kinds
        return self.limited(self.select(outer, kinds), kinds), kinds

    def limited(self, body, kinds):
        """A query with an order and a limit, or without. All columns are keys, so what is cut off is told."""
        if not self.likely(0.25) or any(kind not in ORDERED or kind == "iv" for kind in kinds):
            return body
        orders = [f"{index + 1}{self.pick('', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST')}" for index in range(len(kinds))]
        limit = self.pick("", " LIMIT 3", " LIMIT 1", " OFFSET 2", " LIMIT 4 OFFSET 1", " LIMIT 0", " FETCH FIRST 2 ROWS WITH TIES")
        return Node("query", ["SELECT * FROM (", body, f") AS {self.name('o')} ORDER BY {', '.join(orders)}{limit}"])

    def with_query(self, outer, kinds):
        self.depth -= 1
        name = self.name("w")
        if self.likely(0.25):
            own = ["i", "t"]
            step = self.plain("t", 1, [(f"{name}.c0", "i"), (f"{name}.c1", "t")])
            start = [f"WITH RECURSIVE {name}(c0, c1) AS (SELECT 0, 'a'::text UNION {self.pick('', 'ALL ')}"]
            parts = [*start, f"SELECT {name}.c0 + 1, ", step, f" FROM {name} WHERE {name}.c0 < 3) "]
        else:
            own = self.kinds(ORDERED)
            names = ", ".join(f"c{index}" for index in range(len(own)))
            body = self.query(outer, own)[0]
            parts = [f"WITH {name}({names}) AS {self.pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ')}(", body, ") "]
        self.withs.append((name, [(f"c{index}", kind) for index, kind in enumerate(own)]))
        tree = Node("query", [*parts, self.query(outer, kinds)[0]])
        self.withs.pop()
        self.depth += 1
        return tree

    def select(self, outer, kinds):
        source, columns = self.source(outer)
        scope = columns + (outer if self.likely(0.7) else [])
        chance = self.random.random()
        if chance < 0.5:
            head = "SELECT DISTINCT " if "iv" not in kinds and self.likely(0.25) else "SELECT "
            values = [self.expression(kind, self.pick(0, 1, 2), scope) for kind in kinds]
            return Node("query", [head, *self.listed(values), " FROM ", source, self.where(columns + outer)])
        if chance < 0.75:
            return self.grouped(source, columns, outer, kinds)
        values = [self.window(kind, columns) or self.plain(kind, 1, scope) for kind in kinds]
        return Node("query", ["SELECT ", *self.listed(values), " FROM ", source, self.where(columns + outer)])

    def listed(self, values):
        parts = []
        for index, value in enumerate(values):
            parts += [value, f" AS x{index}", ", "]
        return parts[:-1]

    def grouped(self, source, columns, outer, kinds):
        choices = [(name, kind) for name, kind in columns if kind != "iv"]
        keys = self.random.sample(choices, min(len(choices), self.pick(0, 1, 1, 2)))
        names = ", ".join(name for name, _ in keys)
        form = self.pick("{}", "{}", "{}", "ROLLUP ({})", "CUBE ({})", "GROUPING SETS (({0}), ())")
        group = f" GROUP BY {form.format(names)}" if keys else self.pick("", " GROUP BY ()")
        values = []
        for kind in kinds:
            if keys and kind == "i" and self.likely(0.2):
                values.append(Node("i", [f"grouping({names})"]))
                continue
            aggregate = self.aggregate(kind, columns) if self.likely(0.7) else None
            values.append(aggregate or self.plain(kind, self.pick(0, 1, 2), keys))
        having = ""
        if self.likely(0.2):
            having = Node("optional", [" HAVING ", self.aggregate("b", columns), self.pick(" > 1", " < 3", " IS NOT NULL")])
        return Node("query", ["SELECT ", *self.listed(values), " FROM ", source, self.where(columns + outer), group, having])

    def window(self, kind, columns):
        """A window function whose rows have one order, or peers that do not matter; else None."""
        total = ", ".join(name for name, own in columns if own in ORDERED)
        ordered = [name for name, own in columns if own in ORDERED]
        if len(ordered) < len(columns) or not total or self.likely(0.3):
            ordered = [name for name, _ in columns if name.endswith((".k", ".c0"))]
            if len(ordered) < len({name.split(".")[0] for name, _ in columns}):
                return None
        part = f"PARTITION BY {self.random.choice(ordered)} " if self.likely(0.4) else ""
        start, end = sorted(self.random.sample(range(6), 2))
        frame = f" {self.pick('ROWS', 'GROUPS')} BETWEEN {BOUNDS[min(start, 4)]} AND {BOUNDS[max(end, 1)]}"
        peers = f"{part}ORDER BY {self.random.choice(ordered)}{self.pick('', ' DESC', ' NULLS FIRST')}"
        if self.likely(0.2) and kind == "b":
            return Node(kind, [f"{self.pick('rank', 'dense_rank')}() OVER ({peers})"])
        if kind in ("b", "n"):
            value = self.plain("i" if kind == "b" else "n", 0, columns)
            frame = frame if "GROUPS" in frame else ""
            return Node(kind, ["sum(", value, f") OVER ({peers}{frame})"])
        value = self.plain(kind, 0, columns)
        return Node(kind, [self.pick("max", "min"), "(", value, f") OVER ({peers})"]) if kind in ("i", "t", "d", "f", "ts") else None
