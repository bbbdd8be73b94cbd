"""The statements of the permission matrix that PostgreSQL lacks: `name | like: statement`.

Who may run a statement is told by one of PostgreSQL's for which the same rule holds, by design.md: `like` is a statement
of permission_statements.py. Whom PostgreSQL refuses that, this is refused with 42501, or 42P01 where what was dropped is
not even known to others; nobody else is. `{snapshot}` is one that was made right after the objects.
"""

OWN = """
restore | select/star: RESTORE TABLE perm.t FROM SNAPSHOT {snapshot} AS perm_open.n
restore by function | select/star: SELECT gotgan.restore_table('perm.t', 'perm_open.n', snapshot => {snapshot})
restore by function in from | select/star: SELECT * FROM gotgan.restore_table('perm.t', 'perm_open.n', snapshot => {snapshot})
restore into schema | create/table: RESTORE TABLE perm.u FROM SNAPSHOT {snapshot} AS perm.n
restore and replace | alter/rename table: RESTORE TABLE perm.s FROM SNAPSHOT {snapshot} REPLACE
preview | select/star: PREVIEW RESTORE TABLE perm.t FROM SNAPSHOT {snapshot} AS perm_open.n
preview by function | select/star: SELECT * FROM gotgan.preview_restore('perm.t', 'perm_open.n', snapshot => {snapshot})
restore and read | select/star: RESTORE TABLE perm.t FROM SNAPSHOT {snapshot} AS perm_open.n ;; SELECT * FROM perm_open.n
undrop | alter/row security: UNDROP TABLE perm.gone AS perm_open.n
undrop by function | alter/row security: SELECT gotgan.undrop_table('perm.gone', 'perm_open.n')
file history | alter/row security: SELECT * FROM gotgan.file_history('perm.t')
as of | select/star: SELECT * FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of a column | select/column: SELECT a FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of column b | select/column b: SELECT b FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of where | select/where: SELECT id FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot} WHERE b = 'one'
as of count | select/count: SELECT count(*) FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of view | select/view: SELECT * FROM perm.v FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of weak view | select/view of weak owner: SELECT * FROM perm.v_weak FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of view of invoker | select/view of invoker: SELECT * FROM perm.v_invoker FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of nested view | select/view over view: SELECT * FROM perm.v_nested FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of joined with now | select/join on: SELECT u.a FROM perm.u JOIN perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot} AS t ON u.id = t.id
as of session | select/column: SET LOCAL gotgan.as_of = '{snapshot}' ;; SELECT a FROM perm.t
as of session, view | select/view: SET LOCAL gotgan.as_of = '{snapshot}' ;; SELECT * FROM perm.v
as of session, path | select/by search path: SET LOCAL gotgan.as_of = '{snapshot}' ;; SET LOCAL search_path = perm ;; SELECT a FROM t
as of dropped | alter/row security: SELECT x FROM perm.gone FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of copied | select/column: CREATE TABLE perm_open.n AS SELECT a FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of copied out | copy/query: COPY (SELECT a FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}) TO STDOUT
as of explained | explain/select: EXPLAIN SELECT a FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot}
as of prepared | select/prepared and executed: PREPARE p AS SELECT a FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot} ;; EXECUTE p
as of cursor | select/cursor: DECLARE c CURSOR FOR SELECT a FROM perm.t FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot} ;; FETCH ALL FROM c
sort key | alter/row security: ALTER TABLE perm.t ALTER SORTKEY (a)
retention of table | alter/row security: ALTER TABLE perm.t SET (gotgan.retention = '7 days')
retention of schema | alter/comment on schema: ALTER SCHEMA perm SET (gotgan.retention = '7 days')
masking policy | role/create superuser: CREATE MASKING POLICY perm_mask WITH (b text) USING ('x'::text)
"""

# These are done at once and not undone, so that they run outside of a transaction.
OWN_ALONE = """
retention of all | role/create superuser: ALTER SYSTEM SET gotgan.retention = '1 day'
expire | role/create superuser: EXPIRE SNAPSHOTS OLDER THAN '2001-01-01'
expire dry | role/create superuser: EXPIRE SNAPSHOTS DRY RUN
expire by function | role/create superuser: SELECT * FROM gotgan.expire_snapshots(dry_run => true)
orphans dry | role/create superuser: REMOVE ORPHANS DRY RUN
adopt data | role/create superuser: ADOPT DATA
drop hold | role/create superuser: DROP SNAPSHOT perm_hold
"""


def cases(text):
    """Name to the statement that it is like and a list of SQL texts."""
    found = {}
    for line in text.strip().split("\n"):
        head, _, statements = line.partition(": ")
        name, like = head.split(" | ")
        assert name not in found, name
        found[name] = (like, [part.strip() for part in statements.split(" ;; ")])
    return found
