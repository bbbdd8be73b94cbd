"""The statements of the permission matrix: one a line, `name: statement`; `;;` parts several that run in turn.

The objects are those of permission_actors.py. Each line runs in a transaction that is rolled back, but for those
of ALONE.
"""

READ = """
star: SELECT * FROM perm.t
column: SELECT a FROM perm.t
column b: SELECT b FROM perm.t
qualified star: SELECT t.* FROM perm.t
count: SELECT count(*) FROM perm.t
constant: SELECT 1 FROM perm.t
whole row: SELECT t FROM perm.t
whole row as json: SELECT row_to_json(t) FROM perm.t
is null: SELECT t IS NULL FROM perm.t
tableoid: SELECT tableoid IS NULL FROM perm.t
where: SELECT id FROM perm.t WHERE b = 'one'
where false: SELECT b FROM perm.t WHERE false
limit 0: SELECT b FROM perm.t LIMIT 0
order by: SELECT id FROM perm.t ORDER BY b
group by: SELECT count(*) FROM perm.t GROUP BY b
having: SELECT count(*) FROM perm.t HAVING max(b) > 'a'
aggregate: SELECT min(b), max(a) FROM perm.t
filter: SELECT count(*) FILTER (WHERE b = 'one') FROM perm.t
window: SELECT row_number() OVER (ORDER BY b) FROM perm.t
distinct on: SELECT DISTINCT ON (b) id FROM perm.t
join on: SELECT u.a FROM perm.u JOIN perm.t ON u.id = t.id
join on b: SELECT u.a FROM perm.u JOIN perm.t ON u.b = t.b
join using: SELECT u.a FROM perm.u JOIN perm.t USING (id)
natural join: SELECT id FROM perm.u NATURAL JOIN perm.t
cross join: SELECT u.a FROM perm.u, perm.t
self join: SELECT x.a FROM perm.t AS x JOIN perm.t AS y ON x.id = y.id
alias: SELECT x FROM perm.t AS y (x)
subquery in from: SELECT a FROM (SELECT a, b FROM perm.t) AS x
scalar subquery: SELECT (SELECT max(a) FROM perm.t)
in subquery: SELECT a FROM perm.u WHERE id IN (SELECT id FROM perm.t)
exists: SELECT a FROM perm.u WHERE EXISTS (SELECT 1 FROM perm.t WHERE t.id = u.id)
exists of a column: SELECT EXISTS (SELECT b FROM perm.t)
lateral: SELECT x.a FROM perm.u, LATERAL (SELECT t.a FROM perm.t WHERE t.id = u.id) AS x
union: SELECT a FROM perm.u UNION SELECT a FROM perm.t
cte: WITH c AS (SELECT a FROM perm.t) SELECT * FROM c
cte not used: WITH c AS (SELECT b FROM perm.t) SELECT 1
recursive: WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, perm.t WHERE n < 3 AND t.id = 1) SELECT n FROM r
folded away: SELECT a FROM perm.u WHERE true OR EXISTS (SELECT 1 FROM perm.t WHERE b = 'x')
table: TABLE perm.t
view: SELECT * FROM perm.v
view column: SELECT a FROM perm.v
view count: SELECT count(*) FROM perm.v
view of weak owner: SELECT * FROM perm.v_weak
view of invoker: SELECT * FROM perm.v_invoker
view of invoker count: SELECT count(*) FROM perm.v_invoker
view over view: SELECT * FROM perm.v_nested
sequence: SELECT is_called FROM perm.q
missing column: SELECT nosuch FROM perm.t
missing table: SELECT 1 FROM perm.nosuch
missing schema: SELECT 1 FROM perm_nosuch.t
by search path: SET LOCAL search_path = perm ;; SELECT a FROM t
current schema: SET LOCAL search_path = perm, perm_open ;; SELECT current_schemas(false)
regclass: SELECT 'perm.t'::regclass::text
to_regclass: SELECT to_regclass('perm.t') IS NULL
prepared: PREPARE p AS SELECT a FROM perm.t
prepared and executed: PREPARE p AS SELECT a FROM perm.t ;; EXECUTE p
cursor: DECLARE c CURSOR FOR SELECT a FROM perm.t ;; FETCH ALL FROM c
for update: SELECT a FROM perm.t FOR UPDATE
"""

EXPLAIN = """
select: EXPLAIN SELECT a FROM perm.t
analyze: EXPLAIN ANALYZE SELECT a FROM perm.t
view: EXPLAIN SELECT a FROM perm.v
insert: EXPLAIN INSERT INTO perm.t VALUES (5, 5, 'x')
update: EXPLAIN UPDATE perm.t SET a = 1
delete: EXPLAIN DELETE FROM perm.t WHERE b = 'x'
create table as: EXPLAIN CREATE TABLE perm_open.n AS SELECT a FROM perm.t
merge: EXPLAIN MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED THEN DELETE
"""

INSERT = """
values: INSERT INTO perm.t VALUES (5, 5, 'x')
columns: INSERT INTO perm.t (id, a) VALUES (5, 5)
column b: INSERT INTO perm.t (id, b) VALUES (5, 'x')
default values: INSERT INTO perm.g DEFAULT VALUES
serial: INSERT INTO perm.s (n) VALUES (1)
serial given: INSERT INTO perm.s VALUES (1, 1)
identity: INSERT INTO perm.g (n) VALUES (1)
select from another: INSERT INTO perm.t SELECT id + 10, a, b FROM perm.u
select from itself: INSERT INTO perm.t (id, a) SELECT id + 10, a FROM perm.t
subquery: INSERT INTO perm.t (id, a) VALUES (5, (SELECT max(a) FROM perm.t))
returning: INSERT INTO perm.t (id, a) VALUES (5, 5) RETURNING id
returning b: INSERT INTO perm.t (id, a) VALUES (5, 5) RETURNING b
returning star: INSERT INTO perm.t (id, a) VALUES (5, 5) RETURNING *
returning constant: INSERT INTO perm.t (id, a) VALUES (5, 5) RETURNING 1
do nothing: INSERT INTO perm.t (id, a) VALUES (5, 5) ON CONFLICT DO NOTHING
do nothing on key: INSERT INTO perm.t (id, a) VALUES (1, 5) ON CONFLICT (id) DO NOTHING
do nothing on constraint: INSERT INTO perm.t (id, a) VALUES (1, 5) ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING
do update: INSERT INTO perm.t (id, a) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET a = 7
do update excluded: INSERT INTO perm.t (id, a) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET a = excluded.a
do update own: INSERT INTO perm.t (id, a) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET a = t.a + 1
do update where: INSERT INTO perm.t (id, a) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET a = 7 WHERE t.b = 'x'
do update b: INSERT INTO perm.t (id, a) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET b = 'x'
with: WITH x AS (INSERT INTO perm.t (id, a) VALUES (5, 5) RETURNING id) SELECT * FROM x
with source: WITH x AS (SELECT a FROM perm.t) INSERT INTO perm.u (id, a) SELECT 9, max(a) FROM x
into view: INSERT INTO perm.v VALUES (5, 5, 'x')
into sequence: INSERT INTO perm.q VALUES (1)
fails a check: INSERT INTO perm.t (id, a) VALUES (5, -5)
fails not null: INSERT INTO perm.t (a) VALUES (5)
prepared: PREPARE p AS INSERT INTO perm.t VALUES (5, 5, 'x') ;; EXECUTE p
"""

UPDATE = """
all rows: UPDATE perm.t SET a = 1
column b: UPDATE perm.t SET b = 'x'
default: UPDATE perm.t SET a = DEFAULT
own value: UPDATE perm.t SET a = a + 1
other value: UPDATE perm.t SET a = length(b)
where: UPDATE perm.t SET a = 1 WHERE id = 1
where b: UPDATE perm.t SET a = 1 WHERE b = 'one'
where constant: UPDATE perm.t SET a = 1 WHERE false
from: UPDATE perm.t SET a = 5 FROM perm.u
from joined: UPDATE perm.t SET a = u.a FROM perm.u WHERE u.id = t.id
from unreadable: UPDATE perm.u SET a = t.a FROM perm.t
subquery: UPDATE perm.t SET a = (SELECT max(a) FROM perm.u)
returning: UPDATE perm.t SET a = 1 RETURNING a
returning b: UPDATE perm.t SET a = 1 RETURNING b
returning star: UPDATE perm.t SET a = 1 RETURNING *
several: UPDATE perm.t SET (a, b) = (1, 'x')
with: WITH x AS (UPDATE perm.t SET a = 1 RETURNING a) SELECT * FROM x
view: UPDATE perm.v SET a = 1
fails a check: UPDATE perm.t SET a = -1
fails not null: UPDATE perm.t SET id = NULL
"""

DELETE = """
all rows: DELETE FROM perm.t
where: DELETE FROM perm.t WHERE id = 1
where b: DELETE FROM perm.t WHERE b = 'one'
where constant: DELETE FROM perm.t WHERE false
using: DELETE FROM perm.t USING perm.u WHERE u.id = t.id
using, no column: DELETE FROM perm.t USING perm.u WHERE u.id = 99
using unreadable: DELETE FROM perm.u USING perm.t WHERE u.id = t.id
returning: DELETE FROM perm.t RETURNING id
returning constant: DELETE FROM perm.t RETURNING 1
subquery: DELETE FROM perm.t WHERE id IN (SELECT id FROM perm.u)
with: WITH x AS (DELETE FROM perm.t RETURNING id) SELECT * FROM x
view: DELETE FROM perm.v
truncate: TRUNCATE perm.t
truncate two: TRUNCATE perm.t, perm.u
truncate restart: TRUNCATE perm.s RESTART IDENTITY
"""

MERGE = """
insert: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN NOT MATCHED THEN INSERT VALUES (u.id, u.a, u.b)
insert columns: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN NOT MATCHED THEN INSERT (id, a) VALUES (u.id, u.a)
update: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = u.a
update b: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED THEN UPDATE SET b = u.b
update own: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = t.a + 1
delete: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED THEN DELETE
nothing: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED THEN DO NOTHING
never: MERGE INTO perm.t USING perm.u ON false WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING
all three: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED AND u.a > 5 THEN UPDATE SET a = 1 WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (u.id, u.a, u.b)
condition: MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED AND t.b = 'x' THEN UPDATE SET a = 1
unreadable source: MERGE INTO perm.u USING perm.t ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = t.a
"""

COPY = """
to: COPY perm.t TO STDOUT
to columns: COPY perm.t (a) TO STDOUT
to column b: COPY perm.t (b) TO STDOUT
query: COPY (SELECT a FROM perm.t) TO STDOUT
query view: COPY (SELECT a FROM perm.v) TO STDOUT
from: COPY perm.t FROM STDIN
from columns: COPY perm.t (id, a) FROM STDIN
from column b: COPY perm.t (b) FROM STDIN
from into serial: COPY perm.s (n) FROM STDIN
view: COPY perm.v TO STDOUT
missing: COPY perm.nosuch TO STDOUT
"""

LOCK = """
access share: LOCK TABLE perm.t IN ACCESS SHARE MODE
row exclusive: LOCK TABLE perm.t IN ROW EXCLUSIVE MODE
share: LOCK TABLE perm.t IN SHARE MODE
access exclusive: LOCK TABLE perm.t
"""

CREATE = """
table: CREATE TABLE perm.n (id int)
table if not exists: CREATE TABLE IF NOT EXISTS perm.t (id int)
table that exists: CREATE TABLE perm.t (id int)
table elsewhere: CREATE TABLE perm_open.n (id int)
table in the catalog: CREATE TABLE pg_catalog.n (id int)
table in public: CREATE TABLE public.perm_n (id int)
table like: CREATE TABLE perm_open.n (LIKE perm.t)
table as: CREATE TABLE perm.n AS SELECT 1 AS x
table as, elsewhere: CREATE TABLE perm_open.n AS SELECT a FROM perm.t
select into: SELECT a INTO perm_open.n FROM perm.t
foreign key: CREATE TABLE perm_open.n (id int REFERENCES perm.t (id))
foreign key later: CREATE TABLE perm_open.n (id int) ;; ALTER TABLE perm_open.n ADD FOREIGN KEY (id) REFERENCES perm.t (id)
temporary: CREATE TEMPORARY TABLE n (id int)
temporary as: CREATE TEMPORARY TABLE n AS SELECT a FROM perm.t
temporary and filled: CREATE TEMPORARY TABLE n (id int) ;; INSERT INTO n VALUES (1)
temporary view: CREATE TEMPORARY VIEW n AS SELECT a FROM perm.t
view: CREATE VIEW perm.n AS SELECT 1 AS x
view elsewhere: CREATE VIEW perm_open.n AS SELECT a FROM perm.t
view elsewhere, read: CREATE VIEW perm_open.n AS SELECT a FROM perm.t ;; SELECT * FROM perm_open.n
view replaced: CREATE OR REPLACE VIEW perm.v AS SELECT id, a, b FROM perm.t
sequence: CREATE SEQUENCE perm.n
sequence owned: CREATE SEQUENCE perm_open.n OWNED BY perm.t.a
index: CREATE INDEX n ON perm.t (a)
index, unique: CREATE UNIQUE INDEX n ON perm.t (a)
schema: CREATE SCHEMA perm_new
schema for another: CREATE SCHEMA perm_new AUTHORIZATION perm_weak
schema for itself: CREATE SCHEMA AUTHORIZATION CURRENT_USER
database: CREATE DATABASE perm_new
function: CREATE FUNCTION perm.f() RETURNS int LANGUAGE sql AS 'SELECT 1'
no schema chosen: SET LOCAL search_path = perm ;; CREATE TABLE n (id int)
"""

ALTER = """
add column: ALTER TABLE perm.t ADD COLUMN n int
drop column: ALTER TABLE perm.u DROP COLUMN b
drop missing column: ALTER TABLE perm.t DROP COLUMN nosuch
column type: ALTER TABLE perm.u ALTER COLUMN a TYPE bigint
column default: ALTER TABLE perm.t ALTER COLUMN a SET DEFAULT 1
column not null: ALTER TABLE perm.t ALTER COLUMN a SET NOT NULL
rename column: ALTER TABLE perm.t RENAME COLUMN a TO n
rename table: ALTER TABLE perm.t RENAME TO n
rename constraint: ALTER TABLE perm.t RENAME CONSTRAINT t_a TO n
add check: ALTER TABLE perm.t ADD CONSTRAINT n CHECK (a > 0)
drop constraint: ALTER TABLE perm.t DROP CONSTRAINT t_a
set schema: ALTER TABLE perm.t SET SCHEMA perm_other
set schema, open: ALTER TABLE perm.t SET SCHEMA perm_open
missing table: ALTER TABLE perm.nosuch ADD COLUMN n int
missing table, if exists: ALTER TABLE IF EXISTS perm.nosuch ADD COLUMN n int
owner to itself: ALTER TABLE perm.t OWNER TO CURRENT_USER
owner to owner: ALTER TABLE perm.t OWNER TO perm_owner
owner to another: ALTER TABLE perm.t OWNER TO perm_empty
owner to missing: ALTER TABLE perm.t OWNER TO perm_nosuch
row security: ALTER TABLE perm.t ENABLE ROW LEVEL SECURITY
force row security: ALTER TABLE perm.t FORCE ROW LEVEL SECURITY
rename view: ALTER VIEW perm.v RENAME TO n
view column: ALTER VIEW perm.v RENAME COLUMN a TO n
view option: ALTER VIEW perm.v SET (security_barrier = true)
view owner: ALTER VIEW perm.v OWNER TO CURRENT_USER
view schema: ALTER VIEW perm.v SET SCHEMA perm_open
rename sequence: ALTER SEQUENCE perm.q RENAME TO n
restart sequence: ALTER SEQUENCE perm.q RESTART
sequence owner: ALTER SEQUENCE perm.q OWNER TO CURRENT_USER
sequence schema: ALTER SEQUENCE perm.q SET SCHEMA perm_open
rename index: ALTER INDEX perm.t_index RENAME TO n
rename schema: ALTER SCHEMA perm RENAME TO perm_new
schema owner: ALTER SCHEMA perm OWNER TO CURRENT_USER
rename database: ALTER DATABASE gotgan RENAME TO perm_new
database setting: ALTER DATABASE gotgan SET datestyle = 'ISO'
comment on table: COMMENT ON TABLE perm.t IS 'x'
comment on column: COMMENT ON COLUMN perm.t.a IS 'x'
comment on view: COMMENT ON VIEW perm.v IS 'x'
comment on sequence: COMMENT ON SEQUENCE perm.q IS 'x'
comment on index: COMMENT ON INDEX perm.t_index IS 'x'
comment on constraint: COMMENT ON CONSTRAINT t_a ON perm.t IS 'x'
comment on policy: COMMENT ON POLICY nosuch ON perm.t IS 'x'
comment on schema: COMMENT ON SCHEMA perm IS 'x'
comment on role: COMMENT ON ROLE perm_weak IS 'x'
create policy: CREATE POLICY n ON perm.t USING (a > 1)
create policy for missing role: CREATE POLICY n ON perm.t TO perm_nosuch USING (a > 1)
drop policy: DROP POLICY nosuch ON perm.t
drop policy, if exists: DROP POLICY IF EXISTS nosuch ON perm.t
"""

DROPS = """
table: DROP TABLE perm.s
table with views: DROP TABLE perm.t
table cascade: DROP TABLE perm.t CASCADE
missing table: DROP TABLE perm.nosuch
missing table, if exists: DROP TABLE IF EXISTS perm.nosuch
view: DROP VIEW perm.v_invoker
view as table: DROP TABLE perm.v
sequence: DROP SEQUENCE perm.q
index: DROP INDEX perm.t_index
schema: DROP SCHEMA perm
schema cascade: DROP SCHEMA perm CASCADE
missing schema: DROP SCHEMA perm_nosuch
role: DROP ROLE perm_empty
role with objects: DROP ROLE perm_weak
missing role: DROP ROLE perm_nosuch
own role: DROP ROLE CURRENT_USER
database: DROP DATABASE perm_nosuch
"""

GRANT = """
select: GRANT SELECT ON perm.t TO perm_empty
all: GRANT ALL ON perm.t TO perm_empty
all of a view: GRANT ALL ON perm.v TO perm_empty
several: GRANT SELECT, UPDATE ON perm.t TO perm_empty
column: GRANT SELECT (a) ON perm.t TO perm_empty
column b: GRANT SELECT (b), UPDATE (b) ON perm.t TO perm_empty
with grant option: GRANT SELECT ON perm.t TO perm_empty WITH GRANT OPTION
to public: GRANT SELECT ON perm.t TO PUBLIC
to public with grant option: GRANT SELECT ON perm.t TO PUBLIC WITH GRANT OPTION
to missing role: GRANT SELECT ON perm.t TO perm_nosuch
to itself: GRANT INSERT ON perm.t TO CURRENT_USER
wrong privilege: GRANT USAGE ON perm.t TO perm_empty
missing table: GRANT SELECT ON perm.nosuch TO perm_empty
missing column: GRANT SELECT (nosuch) ON perm.t TO perm_empty
all tables: GRANT SELECT ON ALL TABLES IN SCHEMA perm TO perm_empty
sequence: GRANT USAGE ON SEQUENCE perm.q TO perm_empty
schema: GRANT USAGE ON SCHEMA perm TO perm_empty
schema create: GRANT CREATE ON SCHEMA perm TO perm_empty
database: GRANT CREATE ON DATABASE gotgan TO perm_empty
database connect: GRANT CONNECT ON DATABASE gotgan TO perm_empty
granted by: GRANT SELECT ON perm.t TO perm_empty GRANTED BY CURRENT_USER
and used: GRANT SELECT ON perm.t TO PUBLIC ;; SELECT a FROM perm.t
revoke select: REVOKE SELECT ON perm.t FROM perm_readers
revoke all: REVOKE ALL ON perm.t FROM perm_readers
revoke option: REVOKE GRANT OPTION FOR SELECT ON perm.t FROM perm_readers
revoke column: REVOKE SELECT (a) ON perm.t FROM perm_readers
revoke own: REVOKE ALL ON perm.t FROM CURRENT_USER
revoke from owner: REVOKE SELECT ON perm.t FROM perm_owner
revoke from owner and read: REVOKE SELECT ON perm.t FROM perm_owner ;; SELECT a FROM perm.t
revoke schema: REVOKE USAGE ON SCHEMA perm FROM perm_readers
revoke schema and read: REVOKE USAGE ON SCHEMA perm FROM CURRENT_USER ;; SELECT a FROM perm.t
revoke database: REVOKE CONNECT ON DATABASE gotgan FROM PUBLIC
role: GRANT perm_readers TO perm_empty
role of owner: GRANT perm_owner TO perm_empty
role with admin option: GRANT perm_readers TO perm_empty WITH ADMIN OPTION
role to itself: GRANT perm_readers TO CURRENT_USER
own role: GRANT perm_schema_owner TO perm_empty
predefined role: GRANT pg_read_all_data TO perm_empty
circle: GRANT perm_empty TO perm_readers ;; GRANT perm_readers TO perm_empty
revoke role: REVOKE perm_readers FROM perm_reader_group
revoke missing membership: REVOKE perm_readers FROM perm_empty
revoke own role: REVOKE perm_readers FROM CURRENT_USER
default privileges: ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO perm_empty
default privileges in schema: ALTER DEFAULT PRIVILEGES IN SCHEMA perm GRANT SELECT ON TABLES TO perm_empty
default privileges for owner: ALTER DEFAULT PRIVILEGES FOR ROLE perm_owner GRANT SELECT ON TABLES TO perm_empty
default privileges of schemas in schema: ALTER DEFAULT PRIVILEGES IN SCHEMA perm GRANT USAGE ON SCHEMAS TO perm_empty
"""

ROLES = """
create: CREATE ROLE perm_new
create user: CREATE USER perm_new PASSWORD 'x'
create group: CREATE GROUP perm_new
create superuser: CREATE ROLE perm_new SUPERUSER
create createdb: CREATE ROLE perm_new CREATEDB
create replication: CREATE ROLE perm_new REPLICATION
create bypassrls: CREATE ROLE perm_new BYPASSRLS
create in role: CREATE ROLE perm_new IN ROLE perm_readers
create in superuser: CREATE ROLE perm_new IN ROLE perm_superuser
create with member: CREATE ROLE perm_new ROLE CURRENT_USER
create that exists: CREATE ROLE perm_weak
create reserved: CREATE ROLE pg_perm
create public: CREATE ROLE "public"
alter: ALTER ROLE perm_empty CREATEDB
alter nothing: ALTER ROLE perm_empty NOLOGIN
alter superuser: ALTER ROLE perm_empty SUPERUSER
alter of superuser: ALTER ROLE perm_superuser NOLOGIN
alter missing: ALTER ROLE perm_nosuch CREATEDB
own password: ALTER ROLE CURRENT_USER PASSWORD 'granary'
other password: ALTER ROLE perm_empty PASSWORD 'x'
own createrole: ALTER ROLE CURRENT_USER CREATEROLE
own superuser: ALTER ROLE CURRENT_USER SUPERUSER
own login: ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'
own setting: ALTER ROLE CURRENT_USER SET datestyle = 'ISO'
own setting of superusers: ALTER ROLE CURRENT_USER SET lc_messages = 'C'
other setting: ALTER ROLE perm_empty SET datestyle = 'ISO'
setting of superuser: ALTER ROLE perm_superuser SET datestyle = 'ISO'
setting of all: ALTER ROLE ALL SET datestyle = 'ISO'
reset: ALTER ROLE perm_empty RESET ALL
rename: ALTER ROLE perm_empty RENAME TO perm_new
rename own: ALTER ROLE CURRENT_USER RENAME TO perm_new
rename superuser: ALTER ROLE perm_superuser RENAME TO perm_new
group add: ALTER GROUP perm_readers ADD USER perm_empty
group drop: ALTER GROUP perm_readers DROP USER perm_reader_group
set role: SET ROLE perm_owner ;; SELECT current_user, session_user, a FROM perm.t
set role of group: SET ROLE perm_readers ;; SELECT current_user, a FROM perm.t
set role missing: SET ROLE perm_nosuch
set role itself: SET ROLE perm_owner ;; SET ROLE NONE ;; SELECT current_user = session_user
set role superuser: SET ROLE perm_superuser
set role twice: SET ROLE perm_readers ;; SET ROLE perm_owner
set role and own: SET ROLE perm_owner ;; CREATE TABLE perm_open.n (id int) ;; SELECT relowner::regrole FROM pg_class WHERE relname = 'n'
set local role: SET LOCAL ROLE perm_owner ;; SELECT current_user
role by set_config: SELECT set_config('role', 'perm_owner', true) ;; SELECT current_user
session authorization: SET SESSION AUTHORIZATION perm_owner ;; SELECT current_user, session_user
session authorization missing: SET SESSION AUTHORIZATION perm_nosuch
session authorization default: SET SESSION AUTHORIZATION DEFAULT ;; SELECT current_user = session_user
session authorization by set_config: SELECT set_config('session_authorization', 'perm_owner', true)
is_superuser: SET is_superuser = on
reassign: REASSIGN OWNED BY perm_owner TO perm_weak
reassign to itself: REASSIGN OWNED BY perm_owner TO CURRENT_USER
reassign own: REASSIGN OWNED BY CURRENT_USER TO perm_owner
drop owned: DROP OWNED BY perm_owner CASCADE
drop own: DROP OWNED BY CURRENT_USER CASCADE
drop owned of nobody: DROP OWNED BY perm_empty
alter system: ALTER SYSTEM SET work_mem = '4MB'
"""

FUNCTIONS = """
nextval: SELECT nextval('perm.q') IS NULL
currval: SELECT currval('perm.q')
nextval and currval: SELECT nextval('perm.q') = currval('perm.q')
setval: SELECT setval('perm.q', 7)
nextval by path: SET LOCAL search_path = perm ;; SELECT nextval('q') IS NULL
nextval of missing: SELECT nextval('perm.nosuch')
nextval of table: SELECT nextval('perm.t')
last value: SELECT pg_sequence_last_value('perm.q'::regclass)
sequences: SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'perm'
table privilege: SELECT has_table_privilege('perm.t', 'SELECT'), has_table_privilege('perm.t', 'INSERT, UPDATE'), has_table_privilege('perm.t', 'DELETE'), has_table_privilege('perm.t', 'TRUNCATE'), has_table_privilege('perm.t', 'REFERENCES'), has_table_privilege('perm.t', 'TRIGGER')
table grant option: SELECT has_table_privilege('perm.t', 'SELECT WITH GRANT OPTION'), has_table_privilege('perm.v', 'SELECT WITH GRANT OPTION')
table privilege by oid: SELECT oid::regclass::text, has_table_privilege(oid, 'SELECT') FROM pg_class WHERE relname = 'v' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'perm')
table privilege of another: SELECT has_table_privilege('perm_readers', 'perm.v', 'SELECT'), has_table_privilege('perm_weak', 'perm.v', 'SELECT')
column privilege: SELECT has_column_privilege('perm.t', 'a', 'SELECT'), has_column_privilege('perm.t', 'b', 'SELECT'), has_column_privilege('perm.t', 'a', 'UPDATE'), has_column_privilege('perm.t', 'b', 'INSERT')
any column privilege: SELECT has_any_column_privilege('perm.t', 'SELECT'), has_any_column_privilege('perm.t', 'UPDATE')
sequence privilege: SELECT has_sequence_privilege('perm.q', 'USAGE'), has_sequence_privilege('perm.q', 'SELECT'), has_sequence_privilege('perm.q', 'UPDATE')
schema privilege: SELECT has_schema_privilege('perm', 'USAGE'), has_schema_privilege('perm', 'CREATE'), has_schema_privilege('public', 'CREATE')
database privilege: SELECT has_database_privilege('gotgan', 'CREATE'), has_database_privilege('gotgan', 'CONNECT'), has_database_privilege('gotgan', 'TEMPORARY')
has role: SELECT pg_has_role('perm_owner', 'USAGE'), pg_has_role('perm_owner', 'MEMBER'), pg_has_role('perm_readers', 'USAGE'), pg_has_role('perm_readers', 'MEMBER'), pg_has_role('perm_readers', 'MEMBER WITH ADMIN OPTION')
unknown privilege: SELECT has_table_privilege('perm.t', 'USAGE')
privilege of missing table: SELECT has_table_privilege('perm.nosuch', 'SELECT')
privilege of missing role: SELECT has_table_privilege('perm_nosuch', 'perm.t', 'SELECT')
visible: SET LOCAL search_path = perm ;; SELECT pg_table_is_visible(oid) FROM pg_class WHERE relname = 'v_weak'
view definition: SELECT pg_get_viewdef('perm.v'::regclass) IS NULL
table size: SELECT pg_table_size('perm.t') IS NULL
row security active: SELECT row_security_active('perm.t')
read file: SELECT pg_read_file('nosuch')
list folder: SELECT pg_ls_dir('nosuch')
terminate: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = -1
terminate nobody: SELECT pg_terminate_backend(-1)
cancel nobody: SELECT pg_cancel_backend(-1)
"""

CATALOG = """
tables: SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'perm'
columns: SELECT table_name, column_name, column_default IS NULL FROM information_schema.columns WHERE table_schema = 'perm'
views: SELECT table_name, view_definition IS NULL FROM information_schema.views WHERE table_schema = 'perm'
schemata: SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'perm%'
sequences: SELECT sequence_name FROM information_schema.sequences WHERE sequence_schema = 'perm'
table privileges: SELECT grantor, grantee, table_name, privilege_type, is_grantable FROM information_schema.table_privileges WHERE table_schema = 'perm'
role table grants: SELECT grantor, grantee, table_name, privilege_type FROM information_schema.role_table_grants WHERE table_schema = 'perm'
column privileges: SELECT grantor, grantee, table_name, column_name, privilege_type FROM information_schema.column_privileges WHERE table_schema = 'perm'
table constraints: SELECT table_name, constraint_name FROM information_schema.table_constraints WHERE table_schema = 'perm' AND constraint_type <> 'CHECK'
enabled roles: SELECT role_name FROM information_schema.enabled_roles WHERE role_name LIKE 'perm%'
applicable roles: SELECT grantee, role_name, is_grantable FROM information_schema.applicable_roles WHERE role_name LIKE 'perm%'
authid: SELECT rolname FROM pg_authid WHERE rolname = 'perm_weak'
shadow: SELECT usename FROM pg_shadow WHERE usename = 'perm_owner'
roles: SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcanlogin, rolpassword FROM pg_roles WHERE rolname LIKE 'perm%'
users: SELECT usename, passwd FROM pg_user WHERE usename LIKE 'perm%'
memberships: SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE roleid::regrole::text LIKE 'perm%'
groups: SELECT groname FROM pg_group WHERE groname LIKE 'perm%'
classes: SELECT relname, relowner::regrole::text FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'perm') AND relkind IN ('r', 'v')
schemas: SELECT nspname, nspowner::regrole::text LIKE 'perm%' FROM pg_namespace WHERE nspname LIKE 'perm%'
statistics: SELECT count(*) FROM pg_statistic WHERE false
sessions: SELECT query FROM pg_stat_activity WHERE usename = 'perm_weak'
hba rules: SELECT count(*) FROM pg_hba_file_rules WHERE false
"""

MAINTAIN = """
analyze: ANALYZE perm.t
analyze columns: ANALYZE perm.t (a)
analyze missing: ANALYZE perm.nosuch
"""

# These run outside of a transaction, and leave everything as it was.
ALONE = """
vacuum: VACUUM perm.t
vacuum missing: VACUUM perm.nosuch
cursor with hold: DECLARE c CURSOR WITH HOLD FOR SELECT a FROM perm.t ;; FETCH ALL FROM c ;; CLOSE c
session role: SET ROLE perm_readers ;; RESET ROLE ;; SELECT current_user = session_user
discard: SET ROLE perm_readers ;; DISCARD ALL ;; SELECT current_user = session_user
"""

GROUPS = {
    "select": READ,
    "explain": EXPLAIN,
    "insert": INSERT,
    "update": UPDATE,
    "delete": DELETE,
    "merge": MERGE,
    "copy": COPY,
    "lock": LOCK,
    "create": CREATE,
    "alter": ALTER,
    "drop": DROPS,
    "grant": GRANT,
    "role": ROLES,
    "function": FUNCTIONS,
    "catalog": CATALOG,
    "maintain": MAINTAIN,
    "alone": ALONE,
}


def cases(group):
    """The statements of a group: name to a list of SQL texts."""
    found = {}
    for line in GROUPS[group].strip().split("\n"):
        name, _, text = line.partition(": ")
        assert name not in found, f"{group} has two of the name {name}"
        found[name] = [part.strip() for part in text.split(" ;; ")]
    return found
