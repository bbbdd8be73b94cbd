"""Runs one statement after the other as one role, and tells what came of each."""

from dataclasses import dataclass, field

from psycopg import pq

FIELDS = pq.DiagnosticField
# Characters of an answer that a failed test shows.
SHOWN_MAX = 800
FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.NONFATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)


@dataclass(frozen=True)
class Outcome:
    """What a client sees of a statement but for the place of an error in its text."""

    code: str = "00000"
    message: str = ""
    detail: str | None = None
    hint: str | None = None
    tag: str = ""
    rows: tuple = ()
    warnings: tuple = field(default=())

    @property
    def failed(self):
        """Whether the statement ended with an error."""
        return self.code != "00000"

    def __str__(self):
        if self.failed:
            more = "".join(f" {name}: {text}" for name, text in (("DETAIL", self.detail), ("HINT", self.hint)) if text)
            return f"{self.code} {self.message}{more}"
        warned = f" warned {list(self.warnings)}" if self.warnings else ""
        shown = f"{self.tag} {list(self.rows)}{warned}"
        return shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]} ..."


def text(value):
    """What the server sent, as text."""
    return None if value is None else bytes(value).decode()


class Client:
    """A connection of one role. Its statements go by the simple protocol, as psql's do."""

    def __init__(self, dsn):
        self.connection = pq.PGconn.connect(dsn.encode())
        if self.connection.status != pq.ConnStatus.OK:
            raise ConnectionError(self.connection.error_message.decode())
        self.warnings = []
        self.connection.notice_handler = self.note

    def note(self, notice):
        """Keeps what is more than a notice."""
        if notice.error_field(FIELDS.SEVERITY_NONLOCALIZED) == b"WARNING":
            self.warnings.append(
                (text(notice.error_field(FIELDS.SQLSTATE)), text(notice.error_field(FIELDS.MESSAGE_PRIMARY)))
            )

    def is_lost(self):
        """Whether the server closed the connection."""
        return self.connection.status != pq.ConnStatus.OK

    def close(self):
        """Says goodbye."""
        self.connection.finish()

    def run(self, statement, extended=False):
        """The outcome of one statement, by one of the two protocols; COPY gets and gives no rows."""
        self.warnings.clear()
        sent = statement.encode()
        result = self.connection.exec_params(sent, None) if extended else self.connection.exec_(sent)
        rows = []
        if result.status == pq.ExecStatus.COPY_OUT:
            while (got := self.connection.get_copy_data(0))[0] > 0:
                rows.append((bytes(got[1]).decode().rstrip("\n"),))
            result = self.connection.get_result()
        elif result.status == pq.ExecStatus.COPY_IN:
            self.connection.put_copy_end()
            result = self.connection.get_result()
        if rows or result.status in (pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_IN, pq.ExecStatus.COMMAND_OK):
            while self.connection.get_result() is not None:
                pass
        if result is None or result.status in FAILED:
            if result is None or self.is_lost():
                return Outcome("08006", self.connection.error_message.decode())
            return Outcome(
                *(
                    text(result.error_field(name))
                    for name in (FIELDS.SQLSTATE, FIELDS.MESSAGE_PRIMARY, FIELDS.MESSAGE_DETAIL, FIELDS.MESSAGE_HINT)
                )
            )
        for row in range(result.ntuples):
            rows.append(tuple(text(result.get_value(row, column)) for column in range(result.nfields)))
        shown = tuple(sorted(rows, key=repr))
        return Outcome(tag=text(result.command_status), rows=shown, warnings=tuple(self.warnings))

    def must(self, *statements):
        """Runs statements that may not fail; the outcome of the last."""
        outcome = Outcome()
        for statement in statements:
            outcome = self.run(statement)
            if outcome.failed:
                raise AssertionError(f"{statement}: {outcome}")
        return outcome

    def case(self, statements, is_alone=False, extended=False):
        """The outcome of the first statement that fails, else of the last; everything is rolled back."""
        if not is_alone:
            self.must("BEGIN")
        for statement in statements:
            outcome = self.run(statement, extended)
            if outcome.failed:
                break
        end = self.run("ROLLBACK" if not is_alone else "SELECT 1")
        if statements[0].startswith("PREPARE"):
            self.run("DEALLOCATE ALL")
        if end.failed:
            return Outcome(end.code, f"after it: {end.message}")
        return outcome
