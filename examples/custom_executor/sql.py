"""The executor `sql`: runs a file of SQL over what the tasks before it gave. Each of their outputs, a list of rows, is a table."""

import sqlite3
from contextlib import closing
from pathlib import Path

import ork


@ork.executor("sql")
def sql(options, input, upstream, ctx: ork.Context):
    """`options` are the task's own keys, here `file`; its inputs are the statement's `:parameters`."""
    file = options.get("file")
    if not file:
        raise ork.PermanentError(f"task {ctx.task_name}: say which SQL to run, with `file`")
    with closing(sqlite3.connect(":memory:")) as database:
        database.row_factory = sqlite3.Row
        for task, rows in upstream.items():
            fill(database, task, rows)
        try:
            statement = Path(file).read_text(encoding="utf-8")
            rows = [dict(row) for row in database.execute(statement, input)]
        except (OSError, sqlite3.Error) as error:
            # The same statement over the same rows fails the same way: it is not worth another attempt.
            raise ork.PermanentError(f"{file}: {error}") from None
    ctx.log.info("%s: %d rows", file, len(rows))
    ctx.metrics.count("rows", len(rows), file=file)
    return rows


def fill(database, table, rows):
    """A table of rows that all have the same columns."""
    if not rows:
        return
    columns = ", ".join(f'"{column}"' for column in rows[0])
    marks = ", ".join(f":{column}" for column in rows[0])
    database.execute(f'CREATE TABLE "{table}" ({columns})')
    database.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
