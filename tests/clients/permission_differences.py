"""Where the permission matrix may differ from PostgreSQL 15, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Why a statement is answered otherwise, and for whom; for all if nobody is named."""

    reason: str
    actors: tuple = ()

    def holds_for(self, actor):
        """Whether it is meant for this actor."""
        return not self.actors or actor in self.actors


# Statements that are not built: every actor gets 0A000, or the refusal that PostgreSQL or its standby gives.
MISSING = {
    "alter/rename index": "indexes build nothing, and keep their names",
    "create/database": "there is one database",
    "create/function": "there are no functions of users",
    "delete/view": "rows are not changed through views",
    "drop/database": "there is one database",
    "insert/into view": "rows are not changed through views",
    "update/view": "rows are not changed through views",
}

BY_NAME = Difference("objects of a schema are taken by their names, not by their age")
NO_FILES = Difference("there are no functions that reach the server's files")
VERIFIERS = Difference("verifiers of passwords are for superusers only", ("read_all_data",))

DIFFERENT = {
    "catalog/authid": VERIFIERS,
    "catalog/hba rules": Difference("rules of logins are in a file, and in no relation"),
    "catalog/shadow": VERIFIERS,
    "catalog/statistics": Difference("what superusers see only is not shown to others", ("read_all_data",)),
    "copy/view": Difference("that it is a view is told first"),
    "function/list folder": NO_FILES,
    "function/read file": NO_FILES,
    "grant/all tables": BY_NAME,
    "insert/into sequence": Difference("that it is a sequence is told first"),
    "role/drop own": Difference("no warnings of what the role was given and may not revoke itself"),
    "role/drop owned": Difference("no warnings of what the role was given and may not revoke itself"),
    "select/folded away": Difference("what PostgreSQL's planner drops is asked for as well"),
    "select/tableoid": Difference("tables have no system columns"),
}

TEMPORARY = Difference("temporary tables are the connection's own, and work on a replica too")
NAMED_FIRST = Difference("whether a relation is temporary is looked up first", ("no_usage",))

# The same, on a replica and a standby.
DIFFERENT_ON_REPLICA = {
    "copy/from": NAMED_FIRST,
    "copy/from column b": NAMED_FIRST,
    "copy/from columns": NAMED_FIRST,
    "copy/from into serial": NAMED_FIRST,
    "create/temporary": TEMPORARY,
    "create/temporary and filled": TEMPORARY,
    "create/temporary as": TEMPORARY,
    "create/temporary view": TEMPORARY,
    "select/for update": Difference("that it writes is told before names are looked up", ("no_usage",)),
    "merge/nothing": Difference("MERGE is a write, whatever it does"),
}
