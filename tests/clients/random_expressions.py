"""Random expressions over typed columns, as trees that can be made smaller.

Only what cannot fail for the values of `random_tables.py`: PostgreSQL leaves open which rows an
error is met on. Left out is what differs on purpose: digits of quotients (rounded here).
"""

import re

# One line each: type of the result, template. {x} is an operand of type x, <a|b> a choice.
# i int, b bigint, s smallint, n numeric, f float8, t text, d date, ts timestamp, tz timestamptz,
# bo boolean, iv interval, u uuid, j jsonb, ia int[], ta text[], tm time.
TEMPLATES = """
i ({i} + {i})
i ({i} - {i})
i (- {i})
i abs({i})
i length({t})
i char_length({t})
i octet_length({t})
i bit_length({t})
i position({t} in {t})
i strpos({t}, {t})
i ascii({t})
i sign({i})::int
i ({d} - {d})
i coalesce({i}, {i})
i nullif({i}, {i})
i greatest({i}, {i}, {i})
i least({i}, {i})
i CASE WHEN {bo} THEN {i} ELSE {i} END
i CASE {i} WHEN 1 THEN {i} WHEN {i} THEN 5 END
i cardinality({ia})
i array_length({ta}, 1)
i array_position({ia}, {i})
i {ia}[<1|2|0|9>]
i extract(<year|month|day|dow|isodow|doy|week|quarter> from {d})::int
i ({i} & {i})
i ({i} | {i})
i ({i} # {i})
i (~ {i})
i ({i} % 3)
i ({i} / 2)
i ({i} % (-4))
i mod({i}, 5)
i {bo}::int
i {n}::int
i {s}::int
i jsonb_array_length(CASE WHEN jsonb_typeof({j}) = 'array' THEN '[1,2]'::jsonb END)
i sign({i})::int
i regexp_count({t}, <'a'|'[a-z]'>)
b ({b} + {i})
b ({i} - {b})
b ({b} / 3)
b ({b} % 7)
b {i}::bigint
b coalesce({b}, {i})
b abs({b})
b gcd({i}, {b})
b CASE WHEN {bo} THEN {b} ELSE {i} END
s coalesce({s}, {s})
s ({s} / 2::smallint)
s ({s} % 3::smallint)
s least({s}, {s})
n ({n} + {n})
n ({n} - {i})
n ({n} * {i})
n round({n}, <0|1|2>)
n trunc({n}, <0|1>)
n ceil({n})
n floor({n})
n abs({n})
n sign({n})
n (- {n})
n ({n} % 3)
n coalesce({n}, {i})
n greatest({n}, {n})
n round({n} / 7, 4)
n round({n} / ({i} % 5 + 10), 3)
n CASE WHEN {bo} THEN {n} ELSE {i} END
n extract(epoch from {ts})
n extract(<second|minute|hour|milliseconds|microseconds|millennium|century|decade|isoyear> from {ts})
n extract(<epoch|day|hour|month|year|second> from {iv})
n {i}::numeric
n width_bucket({n}, 0, 100, 5)::numeric
n date_part(<'year'|'epoch'>, {ts})::numeric
f ({f} + {f})
f ({f} * 2)
f ({f} - {i})
f abs({f})
f floor({f})
f ceil({f})
f round({f})
f trunc({f})
f sqrt(abs({f}))
f {i}::float8
f {n}::float8
f coalesce({f}, {f})
f date_part('epoch', {tz})
t ({t} || {t})
t ({t} || {i})
t upper({t})
t lower({t})
t initcap({t})
t reverse({t})
t trim({t})
t ltrim({t}, <'a'|' a'|'x'>)
t rtrim({t}, <'c'|'b '>)
t btrim({t}, <'a'|'ab'>)
t left({t}, <0|1|2|-1|-2>)
t right({t}, <0|1|2|-1|-2>)
t substr({t}, <0|1|2|3|-1>)
t substring({t} from <-1|0|1|2> for <0|1|2|5>)
t substring({t} from <'a.'|'[a-z]+'|'(b)'>)
t replace({t}, <'a'|'b'|''>, {t})
t translate({t}, 'abc', <'xy'|'xyz'|''>)
t lpad({t}, <0|3|5|-1>, <'*'|'xy'|''>)
t rpad({t}, <0|3|5>, <'*'|'xy'>)
t repeat({t}, <0|2|-1|3>)
t split_part({t}, <'a'|' '|'X'>, <1|2|-1>)
t concat({t}, {i}, {bo})
t concat_ws(<','|''>, {t}, {i}, {t})
t coalesce({t}, {t})
t nullif({t}, {t})
t md5({t})
t to_char({i}, <'999'|'0000'|'FM999'|'S99'|'9,999'|'RN'|'99PR'|'MI999'>)
t to_char({n}, <'999.99'|'FM990.00'|'0000.0'|'9.99EEEE'|'L99'|'99D9'|'SG99.9'>)
t to_char({ts}, <'YYYY-MM-DD HH24:MI:SS'|'Day, DD Mon YYYY'|'FMMonth FMDD'|'HH12:MI AM'|'IYYY-IW-ID'|'Q DDD J'|'US MS'|'YY Y,YYY CC BC'|'DDth "of" Month'|'SSSS'|'TMDay D'|'RM rm'>)
t to_char({iv}, <'HH24:MI:SS'|'DD HH'|'YYYY MM'>)
t {i}::text
t {b}::text
t {n}::numeric(12,3)::text
t {f}::text
t {bo}::text
t {d}::text
t {ts}::text
t {tz}::text
t {iv}::text
t {u}::text
t {j}::text
t {ia}::text
t {ta}::text
t {ta}[<1|2>]
t array_to_string({ta}, <','|''>, <'*'|NULL>)
t array_to_string({ia}, '-')
t regexp_replace({t}, <'a'|'[aeiou]'|'(.)b'|'^'>, <'<\\1>'|'#'|''>, <''|'g'|'i'|'gi'>)
t quote_literal({t})
t quote_ident({t})
t quote_nullable({t})
t format(<'%s-%s'|'%I.%L'|'%2$s %1$s'|'%10s|%-5s|'>, {t}, {i})
t overlay({t} placing 'ZZ' from <1|2> for <0|1|3>)
t CASE WHEN {bo} THEN {t} ELSE {t} END
t {t}::varchar(3)
t chr(65 + abs({i} % 26))
t encode({t}::bytea, <'hex'|'base64'|'escape'>)
t jsonb_typeof({j})
t ({j} ->> <'a'|'b'>)
t ({j} #>> '{b,0}')
t ({j} ->> <0|-1>)
t to_hex({i})
t starts_with({t}, 'a')::text
t greatest({t}, {t})
t pg_typeof({i})::text
d ({d} + <1|30|-365|0>)
d {ts}::date
d coalesce({d}, {d})
d greatest({d}, {d})
d make_date(2024, abs({i} % 12) + 1, abs({i} % 28) + 1)
d to_date(<'2024-02-29'|'20240131'|'05 Mar 2001'>, <'YYYY-MM-DD'>)
d nullif({d}, {d})
ts ({d} + {iv})
ts ({ts} + {iv})
ts ({ts} - {iv})
ts ({d} + {tm})
ts date_trunc(<'year'|'month'|'week'|'day'|'hour'|'quarter'|'decade'|'minute'|'second'|'century'>, {ts})
ts coalesce({ts}, {d})
ts {d}::timestamp
ts ({tz} AT TIME ZONE <'UTC'|'America/New_York'|'+03'>)
ts CASE WHEN {bo} THEN {ts} END
ts date_bin('15 minutes', {ts}, timestamp '2001-01-01')
tz ({ts} AT TIME ZONE <'UTC'|'America/New_York'|'Europe/Berlin'>)
tz ({tz} + {iv})
tz ({tz} - {iv})
tz date_trunc(<'day'|'month'|'hour'>, {tz})
tz date_trunc('day', {tz}, <'UTC'|'America/New_York'>)
tz coalesce({tz}, {tz})
tz to_timestamp({i})
iv ({ts} - {ts})
iv ({tz} - {tz})
iv ({iv} + {iv})
iv ({iv} - {iv})
iv ({iv} * <2|0.5|-1.5|3>)
iv ({iv} / <2|3|-4|0.7>)
iv (- {iv})
iv age({ts}, {ts})
iv justify_hours({iv})
iv justify_days({iv})
iv justify_interval({iv})
iv make_interval(days => {i})
iv coalesce({iv}, {iv})
iv date_trunc('hour', {iv})
iv greatest({iv}, {iv})
bo ({i} = {i})
bo ({i} < {i})
bo ({i} <> {b})
bo ({n} >= {i})
bo ({f} > {n})
bo ({t} < {t})
bo ({t} = {t})
bo ({d} <= {d})
bo ({d} < {ts})
bo ({ts} = {tz})
bo ({tz} > {tz})
bo ({iv} < {iv})
bo ({iv} = {iv})
bo ({u} = {u})
bo ({j} = {j})
bo ({j} < {j})
bo ({ia} = {ia})
bo ({ia} < {ia})
bo ({ia} @> {ia})
bo ({ia} && {ia})
bo ({i} = ANY({ia}))
bo ({i} <> ALL({ia}))
bo ({t} = ANY({ta}))
bo ({j} @> {j})
bo ({j} ? 'a')
bo ({bo} AND {bo})
bo ({bo} OR {bo})
bo (NOT {bo})
bo ({i} IS NULL)
bo ({t} IS NOT NULL)
bo ({bo} IS TRUE)
bo ({bo} IS NOT FALSE)
bo ({bo} IS UNKNOWN)
bo ({i} IS DISTINCT FROM {i})
bo ({t} IS NOT DISTINCT FROM {t})
bo ({i} BETWEEN {i} AND {i})
bo ({i} NOT BETWEEN {i} AND {b})
bo ({i} BETWEEN SYMMETRIC {i} AND {i})
bo ({n} NOT BETWEEN SYMMETRIC {n} AND {i})
bo ({d} BETWEEN {d} AND {d})
bo ({i} IN (7, {i}, {i}))
bo ({i} NOT IN (7, {i}))
bo ({t} IN ('b'::text, {t}))
bo ({t} LIKE <'a%'|'%b%'|'_b%'|'a\\%b'|'%'|''|'___'>)
bo ({t} NOT LIKE {t})
bo ({t} ILIKE <'A%'|'%B'|'h_L%'|'%Ü%'>)
bo ({t} LIKE <'a!%%'|'!_%'> ESCAPE '!')
bo ({t} SIMILAR TO <'(a|b)%'|'[a-c]+'|'a{1,2}%'|'%'|'_'>)
bo ({t} ~ <'^a'|'b$'|'[[:upper:]]'|'a.b'|'\\d+'|'(a|x)'|'\\ma'>)
bo ({t} ~* <'^A'|'HELLO'>)
bo ({t} !~ <'^a'|'.'>)
bo starts_with({t}, {t})
bo (({i}, {t}) = ({i}, {t}))
bo (({i}, {t}) < ({i}, {t}))
bo (({i}, {n}) >= ({i}, {i}))
bo (({i}, {t}) <> ({i}, {t}))
bo (({i}, {t}) IS DISTINCT FROM ({i}, {t}))
bo (({i}, {d}) IN ((7, {d}), ({i}, {d})))
bo (({i}, {t}) IS NULL)
bo (({i}, {t}) IS NOT NULL)
bo coalesce({bo}, {bo})
bo {i}::boolean
bo isfinite({d})
bo CASE WHEN {bo} THEN {bo} ELSE {bo} END
bo ({d} = {ts})
j to_jsonb({i})
j to_jsonb({t})
j jsonb_build_object('k', {i}, 'l', {t})
j jsonb_build_array({i}, {t}, {bo})
j ({j} -> <'a'|'b'>)
j ({j} -> <0|1|-1>)
j ({j} #> '{b,1}')
j ({j} || {j})
j to_jsonb({ia})
j jsonb_strip_nulls({j})
j coalesce({j}, {j})
ia ({ia} || {i})
ia ({i} || {ia})
ia ({ia} || {ia})
ia ARRAY[{i}, {i}]
ia array_append({ia}, {i})
ia array_remove({ia}, {i})
ia array_replace({ia}, {i}, {i})
ia {ia}[<1:2|2:|:1|2:1>]
ia coalesce({ia}, {ia})
ta string_to_array({t}, <','|''|NULL|' '>)
ta ({ta} || {t})
ta ARRAY[{t}, {t}]
ta regexp_split_to_array({t}, <'X'|' '|''|'b'>)
ta {ia}::text[]
ta array_cat({ta}, {ta})
ta string_to_array({t}, 'X', 'b')
ta regexp_match({t}, <'(a)(.)'|'b'>)
tm {ts}::time
tm ({tm} + {iv})
tm coalesce({tm}, {tm})
u coalesce({u}, {u})
"""

NAMES = {
    "i": "int", "b": "bigint", "s": "smallint", "n": "numeric", "f": "float8", "t": "text", "d": "date",
    "ts": "timestamp", "tz": "timestamptz", "bo": "boolean", "iv": "interval", "u": "uuid", "j": "jsonb",
    "ia": "int[]", "ta": "text[]", "tm": "time",
}  # fmt: skip

LITERALS = {
    "i": ["0", "1", "2", "3", "-1", "5"],
    "b": ["0::bigint", "1::bigint", "100::bigint"],
    "s": ["1::smallint", "2::smallint"],
    "n": ["0.0", "1.5", "-1.25", "2.00", "99.99"],
    "f": ["0::float8", "1.5::float8", "-2::float8"],
    "t": ["''::text", "'a'::text", "'b'::text", "'abc'::text"],
    "d": ["date '2024-02-29'", "date '2023-12-31'", "date '2000-01-01'"],
    "ts": ["timestamp '2024-01-01'", "timestamp '2024-02-29 12:34:56.789'"],
    "tz": ["timestamptz '2024-01-01 00:00+00'", "timestamptz '2024-03-10 07:30+00'"],
    "bo": ["true", "false"],
    "iv": ["interval '1 day'", "interval '1 mon'", "interval '-3 hours'"],
    "u": ["'00000000-0000-0000-0000-000000000001'::uuid"],
    "j": ["'{}'::jsonb", "'{\"a\":1}'::jsonb", "'[1,2]'::jsonb"],
    "ia": ["'{}'::int[]", "'{1,2}'::int[]"],
    "ta": ["'{a}'::text[]"],
    "tm": ["time '01:02'"],
}

BY_TYPE = {}
for line in TEMPLATES.strip().split("\n"):
    result, template = line.split(" ", 1)
    BY_TYPE.setdefault(result, []).append(template)

PART = re.compile(r"\{(i|b|s|n|f|t|d|ts|tz|bo|iv|u|j|ia|ta|tm)\}|<([^<>]*\|[^<>]*)>")


class Node:
    """A piece of a text: its kind, and its parts, which are texts and nodes."""

    def __init__(self, kind, parts):
        self.kind, self.parts = kind, parts

    def __str__(self):
        return "".join(str(part) for part in self.parts)

    def walk(self):
        """This node and all below it."""
        yield self
        for part in self.parts:
            if isinstance(part, Node):
                yield from part.walk()

    def replaced(self, old, new):
        """The tree with another node in the place of one of its nodes."""
        if self is old:
            return new
        parts = [part.replaced(old, new) if isinstance(part, Node) else part for part in self.parts]
        return Node(self.kind, parts)


def smaller(tree, is_bad, tries=150):
    """The smallest tree that was found to be still bad."""
    while tries > 0:
        for node in sorted(tree.walk(), key=lambda node: -len(str(node))):
            found = None
            for other in simpler(node):
                tries -= 1
                changed = tree.replaced(node, other)
                if tries > 0 and is_bad(changed):
                    found = changed
                    break
            if found is not None:
                tree = found
                break
        else:
            return tree
    return tree


def simpler(node):
    """What may stand in the place of a node and is shorter."""
    if node.kind == "optional":
        return [Node("optional", [""])] if str(node) else []
    below = [other for other in node.walk() if other is not node and other.kind == node.kind]
    found = sorted(below, key=lambda other: len(str(other)))[:6]
    if node.kind in LITERALS:
        found += [Node(node.kind, [LITERALS[node.kind][0]]), Node(node.kind, [f"NULL::{NAMES[node.kind]}"])]
    return [other for other in found if len(str(other)) < len(str(node))]


class Expressions:
    """Expressions of one seed. A scope is a list of columns with their types."""

    def __init__(self, random):
        self.random = random

    def leaf(self, kind, scope):
        """A column of the type, or a literal."""
        columns = [name for name, own in scope if own == kind]
        if columns and self.random.random() < 0.85:
            return Node(kind, [self.random.choice(columns)])
        if self.random.random() < 0.08:
            return Node(kind, [f"NULL::{NAMES[kind]}"])
        return Node(kind, [self.random.choice(LITERALS[kind])])

    def filled(self, template, depth, scope):
        parts, end = [], 0
        for found in PART.finditer(template):
            parts.append(template[end : found.start()])
            parts.append(self.expression(found[1], depth - 1, scope) if found[1] else self.choice(found[2]))
            end = found.end()
        return [*parts, template[end:]]

    def choice(self, text):
        """One of several texts between bars; a bar in a string is none."""
        return self.random.choice(re.findall(r"(?:'[^']*'|[^|'])+", text))

    def special(self, kind, depth, scope):
        """What a generator of queries has beyond the templates."""
        return None

    def expression(self, kind, depth, scope):
        """An expression of a type over a scope."""
        templates = BY_TYPE.get(kind)
        if depth <= 0 or not templates or self.random.random() < 0.15:
            return self.leaf(kind, scope)
        special = self.special(kind, depth, scope)
        if special is not None:
            return special
        return Node(kind, self.filled(self.random.choice(templates), depth, scope))
