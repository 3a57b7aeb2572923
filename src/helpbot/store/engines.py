"""What differs between SQLite and PostgreSQL stands here and nowhere else.

Both run a function over a cursor, within a transaction (`write`) or outside of one (`read`), and both turn what goes
wrong in the database into CallError(UNAVAILABLE): locked, full, read-only or gone, try again.
"""

from __future__ import annotations

import contextlib
import os
import queue
import random
import secrets
import sqlite3
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from pydantic_core import to_json

from helpbot.desk.failpoints import reach
from helpbot.errors import CallError, Code, HelpbotError
from helpbot.store.queries import Bulk, Row, Sql, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Cursor", "Engine", "PostgresEngine", "Rows", "SqliteEngine", "unavailable"]

T = TypeVar("T")

PATIENCE: Final = 5.0  # seconds a caller waits for a locked database before it is told to come back
BATCH: Final = 256  # turns that share one commit at most: a bound on how long the first of them waits
WAL_LIMIT: Final = 4 * 1024 * 1024  # bytes; beyond, the writer copies the log into the database between commits
# The file of the log stays as long as it once was, and says no more how much it holds: then changed rows are counted.
WAL_ROWS: Final = 1024
RETRIES: Final = 5


class Cursor(Protocol):
    """The part of a driver's cursor that is used."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement touched."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Any:
        """Run a statement."""

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run a statement for each row of parameters."""

    def fetchone(self) -> Any:
        """The next row."""

    def fetchall(self) -> list[Any]:
        """The rows that are left."""


class Engine(Protocol):
    """One database."""

    sql: Sql
    name: str

    def write(self, work: Callable[[Cursor], T]) -> T:
        """Run work in one transaction."""

    def write_turn(self, turn: Rows) -> bool:
        """Write a turn, if its way is free."""

    def read(self, work: Callable[[Cursor], T]) -> T:
        """Run work over what is committed."""

    def close(self) -> None:
        """Let go of the database."""


def unavailable(problem: str, after: float = 5.0) -> CallError:
    """Storage cannot be written now; the caller comes back after so many seconds."""
    return CallError(Code.UNAVAILABLE, problem, f"Try again in {after:.0f} seconds", retry_after=after)


class Rows:
    """A turn as the rows that are written of it: the conversation with its key, the messages, the deliveries."""

    __slots__ = ("conversation", "deliveries", "posts", "turn")

    def __init__(self, conversation: str, turn: Row, posts: Sequence[Row] = (), deliveries: Sequence[Row] = ()) -> None:
        self.conversation, self.turn, self.posts, self.deliveries = conversation, turn, posts, deliveries


def write_as_json(cursor: Cursor, bulk: Bulk, turns: Sequence[Rows]) -> set[str]:
    """Write turns of different conversations in one go; returns the conversations that were free."""
    cursor.execute(bulk.save, {"rows": to_json([turn.turn for turn in turns]).decode()})
    saved = {row[0] for row in cursor.fetchall()}
    if len(saved) < len(turns):
        turns = [turn for turn in turns if turn.conversation in saved]
    if turns:
        cursor.execute(bulk.enter, {"rows": to_json([turn.turn for turn in turns]).decode()})
        posts = [row for turn in turns for row in turn.posts]
        if posts:
            cursor.execute(bulk.post, {"rows": to_json(posts).decode()})
        deliveries = [row for turn in turns for row in turn.deliveries]
        if deliveries:
            cursor.execute(bulk.enqueue, {"rows": to_json(deliveries).decode()})
    return saved


def write_as_values(cursor: Cursor, values: Values, turns: Sequence[Rows]) -> bool:
    """The same with the rows as plain parameters. False if one was not free: then the transaction is to be undone."""
    rows = [turn.turn for turn in turns]
    cursor.execute(*values.save(rows))
    if cursor.rowcount < len(turns):
        return False
    cursor.execute(*values.enter(rows))
    posts = [row for turn in turns for row in turn.posts]
    if posts:
        cursor.execute(*values.post(posts))
    deliveries = [row for turn in turns for row in turn.deliveries]
    if deliveries:
        cursor.execute(*values.enqueue(deliveries))
    return True


class _Job(Generic[T]):
    """One caller's transaction on its way through the writer."""

    __slots__ = ("done", "error", "since", "turn", "value", "work")

    def __init__(self, work: Callable[[Cursor], T] | None, turn: Rows | None = None) -> None:
        self.work, self.turn = work, turn
        self.value: T | None = None
        self.error: BaseException | None = None
        self.since = time.monotonic()
        self.done = threading.Lock()
        self.done.acquire()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.done.release()


class SqliteEngine:
    """SQLite with one writing connection, which commits the transactions of many callers together.

    Each caller's work stands in a savepoint of its own, so that one that fails undoes nothing of the others, and
    each caller is answered after the commit that holds its work. Reads have connections of their own and see what
    is committed. Only the writing connection writes and checkpoints: two connections doing so at once can corrupt the
    log of SQLite before 3.51.3.

    One thread at a time has that connection in hand: the writer thread where many write at once, and where nobody
    does, whoever comes. Being handed to another thread and woken by it costs more than the writing itself.

    Without a path the database is in memory, shared by these connections and gone with the last of them. It has no log
    beside it, so a reader waits while a transaction is written, and a transaction reads what it wrote itself.
    """

    name = "sqlite"

    def __init__(self, path: Path | None, *, patience: float = PATIENCE) -> None:
        from sqlalchemy.dialects import sqlite

        self.path, self._patience = path, patience
        self.target = str(path) if path is not None else f"file:/helpbot-{secrets.token_hex(8)}?vfs=memdb"
        self.sql = Sql(sqlite.dialect(paramstyle="named"), sqlite.insert, row_locks=False)
        self._values = Values()
        self._queue: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._readers: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._all_readers: list[sqlite3.Connection] = []
        self._in_hand: list[_Job[Any]] = []
        self._hand = threading.Lock()  # held by the thread that has the writing connection
        self._writing = 0  # and which thread that is
        self._main = threading.main_thread().ident
        self._closed = False
        self._looked = 0  # how many rows had changed when the log was last looked at
        self._tidied = (0, 0)  # how long the log was when it was last copied, and how many rows had changed
        self._broken = ""  # why the last write failed for everyone; readiness tells it
        self._log = path.with_name(path.name + "-wal") if path is not None else None
        self._connection = self._open()
        self._thread = threading.Thread(target=self._run, name="helpbot-writer", daemon=True)
        self._thread.start()

    # ── callers ────────────────────────────────────────────────────────────

    def write(self, work: Callable[[Cursor], T]) -> T:
        """Run `work` in a transaction of its own; returns after the commit."""
        return self._done(_Job(work))  # type: ignore[return-value]  # set whenever there is no error

    def write_turn(self, turn: Rows) -> bool:
        """Write a turn together with those of others; returns after the commit. False: its way was not free."""
        return bool(self._done(_Job(None, turn)))

    def _done(self, job: _Job[T]) -> T | None:
        """Have a job done, here where nobody else is writing; what came of it."""
        if self._closed:
            raise unavailable("the database is closed")
        if not self._done_here(job):
            self._queue.put(job)
            if self._closed and not self._thread.is_alive():
                self._refuse_late()
        job.done.acquire()
        if job.error is not None:
            raise job.error
        return job.value

    def _done_here(self, job: _Job[Any]) -> bool:
        """Do a job in its caller's own thread, with what waits meanwhile; False where somebody else is writing."""
        caller = threading.get_ident()
        if caller == self._main:  # may be interrupted at any line: nobody else's work is put in its hands
            return False
        if not self._queue.empty() or not self._hand.acquire(blocking=False):
            return False
        try:
            if self._closed:
                job.fail(unavailable("the database is closed"))
            elif not self._serve(job):
                self._queue.put(None)  # the end that was meant for the writer
        finally:
            self._hand.release()
        return True

    def read(self, work: Callable[[Cursor], T]) -> T:
        """Run `work` over what is committed."""
        if self.path is None and threading.get_ident() == self._writing:
            return work(self._connection.cursor())  # in memory a second connection would wait for this transaction
        try:
            connection = self._readers.get_nowait()
        except queue.Empty:
            connection = self._open_reader()
        try:
            return work(connection.cursor())
        except sqlite3.Error as error:
            raise _sqlite_fault(error) from error
        finally:
            self._readers.put(connection)

    def close(self) -> None:
        """Finish what is queued, copy the log into the database and let go of the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join(timeout=30)
        self._hand.acquire(timeout=30)  # and never given back
        self._refuse_late()
        for connection in self._all_readers:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _refuse_late(self) -> None:
        """Tell who came while the database was closed that it is."""
        with contextlib.suppress(queue.Empty):
            while True:
                late = self._queue.get_nowait()
                if late is not None:
                    late.fail(unavailable("the database is closed"))

    @contextlib.contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The file through a connection of one's own, for backup and integrity checks."""
        connection = self._open_reader(keep=False)
        try:
            yield connection
        finally:
            connection.close()

    def truncate_log(self) -> bool:
        """Copy the log into the database and empty it: what was erased is in neither. False if a reader holds it."""
        deadline = time.monotonic() + self._patience
        while True:
            done = self.write(_Checkpoint("PRAGMA wal_checkpoint(TRUNCATE)"))
            if done or time.monotonic() > deadline:
                return bool(done)
            time.sleep(0.02)

    @property
    def broken(self) -> str:
        """Why the last write failed; empty while writing works."""
        return self._broken

    # ── the writer ────────────────────────────────────────────────────────────

    def _run(self) -> None:
        going_on = True
        while going_on and (job := self._queue.get()) is not None:
            with self._hand:
                going_on = self._serve(job)

    def _serve(self, job: _Job[Any]) -> bool:
        """Do a job and what waits with it; False when it is time to end. The connection is in this thread's hand."""
        self._writing = threading.get_ident()
        try:
            if isinstance(job.work, _Checkpoint):
                self._checkpoint_for(job)
                return True
            return self._batch(job)
        except Exception as error:  # a fault of our own must not leave anybody waiting for ever
            self._give_up(error)
            return True
        finally:
            self._writing = 0

    def _give_up(self, error: Exception) -> None:
        """Tell everyone whose work was in hand that it was not written; the next batch begins afresh."""
        self._broken = f"the database failed ({type(error).__name__})"
        self._abandon()
        for job in self._in_hand:
            if job.done.locked():
                job.fail(unavailable(self._broken))

    def _batch(self, first: _Job[Any]) -> bool:
        """Run what waits in one transaction and answer each; False when it is time to end."""
        jobs, checkpoint, going_on = [first], None, True
        self._in_hand = [first]
        while len(jobs) < BATCH:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                going_on = False
                break
            if isinstance(following.work, _Checkpoint):
                checkpoint = following
                break
            jobs.append(following)
        self._in_hand = list(jobs)
        if self._begin(jobs):
            done = self._run_all(jobs)
            if done or self._in_transaction:
                self._commit(done)
            self._tidy()
        if checkpoint is not None:
            self._checkpoint_for(checkpoint)
        return going_on

    def _run_all(self, jobs: list[_Job[Any]]) -> list[_Job[Any]]:
        """Run jobs in the open transaction; returns those to be answered after the commit."""
        done: list[_Job[Any]] = []
        turns = [job for job in jobs if job.turn is not None]
        if turns and not self._run_turns(turns, done):
            return self._fail([job for job in jobs if job.work is not None])
        cursor = self._connection.cursor()
        for job in jobs:
            if job.work is not None and not self._run_one(cursor, job, done):
                self._redo(done)
                done = []
                if not self._begin_again():
                    later = jobs[jobs.index(job) + 1 :]
                    return self._fail([left for left in later if left.work is not None])
                cursor = self._connection.cursor()
        return done

    def _fail(self, jobs: Sequence[_Job[Any]]) -> list[_Job[Any]]:
        """Tell them that there is no transaction to work in; nothing is to be committed."""
        for job in jobs:
            job.fail(unavailable(self._broken or "the database is not available"))
        return []

    def _run_turns(self, jobs: list[_Job[Any]], done: list[_Job[Any]]) -> bool:
        """Write many turns at once, one of each conversation; the others are told to take the long way.

        They come first in the transaction, so that undoing them undoes nothing else. False if it could not be begun
        again after that.
        """
        chosen: dict[str, _Job[Any]] = {}
        for job in jobs:
            assert job.turn is not None
            if chosen.setdefault(job.turn.conversation, job) is not job:
                job.value = False
                job.done.release()
        waiting, written, begun = list(chosen.values()), False, True
        for _ in range(2):  # once with all, and once with those that were free
            free = self._write_turns(waiting)
            written = free is None
            if free is None:
                break
            refused = [job for job in waiting if job.turn is not None and job.turn.conversation not in free]
            self._refuse(refused)
            waiting = [job for job in waiting if job not in refused]
            begun = self._begin_again()
            if not begun or not waiting:
                break
        if not written:
            self._refuse(waiting)
            return begun
        for job in waiting:
            job.value = True
            done.append(job)
        return True

    def _refuse(self, jobs: Sequence[_Job[Any]]) -> None:
        """Tell them that their way was not free."""
        for job in jobs:
            job.value = False
            job.done.release()

    def _write_turns(self, jobs: list[_Job[Any]]) -> set[str] | None:
        """Write all of these turns, or none: then the transaction is left, and which conversations were free is told.

        None when all were written. Nobody is free where the database failed: the long way finds out what is wrong.
        """
        turns = [job.turn for job in jobs if job.turn is not None]
        free: set[str] = set()
        cursor = self._connection.cursor()
        try:
            if write_as_values(cursor, self._values, turns):
                return None
            cursor.execute("ROLLBACK")
            cursor.execute("BEGIN IMMEDIATE")
            statement, parameters = self._values.save([turn.turn for turn in turns], returning=True)
            cursor.execute(statement, parameters)
            free = {row[0] for row in cursor.fetchall()}
        except sqlite3.Error:
            free = set()
        self._abandon()
        return free

    def _begin(self, waiting: list[_Job[Any]]) -> bool:
        """Open the transaction; tell who waits too long for a locked database. False: nobody is left."""
        reopened = False
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                fault = _sqlite_fault(error)
                self._broken = fault.problem
                if not _is_busy(error):
                    self._reopen()
                    if not reopened:  # what was wrong with the old connection may be over
                        reopened = True
                        continue
                    for job in waiting:
                        job.fail(fault)
                    waiting.clear()
                    return False
                while True:
                    try:
                        job_or_end = self._queue.get_nowait()
                    except queue.Empty:
                        break
                    if job_or_end is None:
                        self._queue.put(None)
                        break
                    if isinstance(job_or_end.work, _Checkpoint):
                        job_or_end.fail(fault)
                    else:
                        waiting.append(job_or_end)
                late = time.monotonic() - self._patience
                for job in [job for job in waiting if job.since <= late]:
                    waiting.remove(job)
                    job.fail(fault)
                if not waiting:
                    return False
            else:
                return True

    def _begin_again(self) -> bool:
        """Open the transaction anew within a batch: nobody new is taken in, for nobody would run their work."""
        deadline, reopened = time.monotonic() + self._patience, False
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                self._broken = _sqlite_fault(error).problem
                if _is_busy(error) and time.monotonic() < deadline:
                    continue
                if _is_busy(error) or reopened:
                    return False
                self._reopen()
                reopened = True
            else:
                return True

    def _run_one(self, cursor: sqlite3.Cursor, job: _Job[Any], done: list[_Job[Any]]) -> bool:
        """Run one job in its savepoint. False if the database undid the whole transaction with it."""
        connection = self._connection
        try:
            cursor.execute("SAVEPOINT turn")
            assert job.work is not None
            job.value = job.work(cursor)
            cursor.execute("RELEASE turn")
        except sqlite3.Error as error:
            job.error = error if isinstance(error, sqlite3.IntegrityError) else _sqlite_fault(error)
        except Exception as error:
            job.error = error
        if job.error is None:
            done.append(job)
            return True
        try:
            if not connection.in_transaction:
                return False
            cursor.execute("ROLLBACK TO turn")
            cursor.execute("RELEASE turn")
        except sqlite3.Error:
            return False
        finally:
            job.done.release()
        return True

    def _commit(self, done: list[_Job[Any]]) -> None:
        reach("before-commit")
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            fault = _sqlite_fault(error)
            self._broken = fault.problem
            self._abandon()
            if len(done) == 1:
                done[0].fail(fault)
            else:
                self._redo(done)
            return
        self._broken = ""
        reach("after-commit")
        for job in done:
            job.done.release()

    def _redo(self, jobs: list[_Job[Any]]) -> None:
        """Run jobs whose transaction was lost through no fault of theirs, each by itself."""
        self._abandon()
        for job in jobs:
            job.value = None
            if not self._begin_again():
                self._fail([job])
                continue
            done: list[_Job[Any]] = []
            if job.turn is not None:
                kept = self._run_turns([job], done)
            else:
                kept = self._run_one(self._connection.cursor(), job, done)
            if kept and done:
                self._commit(done)
            else:
                self._abandon()

    def _abandon(self) -> None:
        """Leave the transaction, by a new connection if the old one will not."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._reopen()

    @property
    def _in_transaction(self) -> bool:
        try:
            return self._connection.in_transaction
        except sqlite3.Error:  # it is closed, and no new one could be opened yet
            return False

    def _reopen(self) -> None:
        if self.path is None:
            return  # closed, a database in memory might be gone
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        with contextlib.suppress(sqlite3.Error, HelpbotError):
            self._connection = self._open()

    def _tidy(self) -> None:
        """Copy a grown log into the database between commits; a caller leaves that to the writer, and is answered."""
        if self._log is None:
            return
        try:
            rows = self._connection.total_changes
            if 0 <= rows - self._looked < WAL_ROWS // 16:
                return
            self._looked, size = rows, self._log.stat().st_size
        except (OSError, sqlite3.Error):
            return
        size_then, rows_then = self._tidied
        if size < WAL_LIMIT or (size < size_then + WAL_LIMIT and 0 <= rows - rows_then < WAL_ROWS):
            return
        self._tidied = size, rows
        tidying: _Job[bool] = _Job(_Checkpoint("PRAGMA wal_checkpoint(RESTART)"))
        if self._writing == self._thread.ident:
            self._checkpoint_for(tidying)
        else:
            self._queue.put(tidying)

    def _checkpoint_for(self, job: _Job[Any]) -> None:
        reach("in-checkpoint")
        assert isinstance(job.work, _Checkpoint)
        try:
            busy, _, _ = self._connection.execute(job.work.statement).fetchone()
        except sqlite3.Error as error:
            job.fail(_sqlite_fault(error))
        else:
            job.value = not busy
            job.done.release()

    # ── connections ────────────────────────────────────────────────────────────

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.target,
            uri=self.path is None,
            isolation_level=None,
            check_same_thread=False,
            timeout=_POLL / 1000,
            cached_statements=256,
        )
        for pragma in (
            f"busy_timeout={_POLL}",
            "journal_mode=WAL",
            "synchronous=FULL",  # accepted means on the disk, not in a cache
            "secure_delete=ON",  # what is erased is overwritten
            "foreign_keys=ON",
            "wal_autocheckpoint=0",  # the writer does it between commits, at a place of its own choosing
            "journal_size_limit=67108864",
            "temp_store=MEMORY",
            "cache_size=-32768",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection

    def _open_reader(self, *, keep: bool = True) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self.target,
                uri=self.path is None,
                isolation_level=None,
                check_same_thread=False,
                timeout=self._patience,
                cached_statements=256,
            )
            connection.execute("PRAGMA query_only=ON")
            connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
        except sqlite3.Error as error:
            raise _sqlite_fault(error) from error
        if keep:
            self._all_readers.append(connection)
        return connection


_POLL: Final = 100  # milliseconds between two looks at a locked database


class _Checkpoint:
    """Stands in the queue for: copy the log into the database, and empty it or begin it anew, as the statement says."""

    def __init__(self, statement: str) -> None:
        self.statement = statement

    def __call__(self, cursor: Cursor) -> bool:
        raise AssertionError("the writer does this itself")


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _sqlite_fault(error: sqlite3.Error) -> CallError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    problem = {
        sqlite3.SQLITE_BUSY: "the database is locked by another program",
        sqlite3.SQLITE_LOCKED: "the database is locked by another program",
        sqlite3.SQLITE_FULL: "the disk that holds the database is full",
        sqlite3.SQLITE_IOERR: "the disk that holds the database cannot be written",
        sqlite3.SQLITE_READONLY: "the database is read-only",
        sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
        sqlite3.SQLITE_CORRUPT: "the database is damaged",
        sqlite3.SQLITE_NOTADB: "the database is damaged",
    }.get(code, f"the database failed ({type(error).__name__})")
    return unavailable(problem)


class PostgresEngine:
    """PostgreSQL through psycopg. Deadlocks and serialisation failures are run again; so is what a restart cut off."""

    name = "postgresql"

    def __init__(self, url: str, *, pool: int = 16, patience: float = PATIENCE) -> None:
        import psycopg
        import sqlalchemy
        from sqlalchemy.dialects import postgresql
        from sqlalchemy.dialects.postgresql import psycopg as dialect

        self._psycopg, self._patience = psycopg, patience
        make: Any = dialect.dialect
        self.sql = Sql(make(), postgresql.insert, row_locks=True)
        wait = int(patience * 1000)
        self.alchemy = sqlalchemy.create_engine(
            url,
            pool_size=pool,
            max_overflow=pool,
            pool_timeout=patience,
            pool_reset_on_return=None,  # every way out of `_once` ends its transaction itself
            connect_args={
                "connect_timeout": max(1, int(patience)),
                "autocommit": True,
                "application_name": "helpbot",
                "options": f"-c lock_timeout={wait} -c statement_timeout={wait * 3} "
                f"-c idle_in_transaction_session_timeout={wait * 6}",
            },
        )
        self._broken = ""
        self._bulk = Bulk()
        self._queue: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._lane: threading.Thread | None = None
        self._start = threading.Lock()
        self._closed = False

    @property
    def broken(self) -> str:
        """Why the last write failed; empty while writing works."""
        return self._broken

    def write_turn(self, turn: Rows) -> bool:
        """Write a turn together with those of others; returns after the commit. False: its way was not free.

        False also where something went wrong: the long way finds out what, and whether it was written after all.
        """
        if self._lane is None:
            with self._start:
                if self._lane is None:
                    self._lane = threading.Thread(target=self._run_lane, name="helpbot-writer", daemon=True)
                    self._lane.start()
        if self._closed:
            raise unavailable("the database is closed")
        job: _Job[bool] = _Job(None, turn)
        self._queue.put(job)
        job.done.acquire()
        return bool(job.value)

    def _run_lane(self) -> None:
        going_on = True
        while going_on:
            job = self._queue.get()
            if job is None:
                break
            chosen: dict[str, _Job[Any]] = {}
            while job is not None:
                assert job.turn is not None
                if chosen.setdefault(job.turn.conversation, job) is not job:
                    job.value = False
                    job.done.release()
                if len(chosen) >= BATCH:
                    break
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
                going_on = job is not None
            turns = [job.turn for job in chosen.values() if job.turn]
            try:
                saved = self._once(partial(write_as_json, bulk=self._bulk, turns=turns), transaction=True)
            except (self._psycopg.Error, CallError, _NoConnection):
                saved = set()
            for conversation, done in chosen.items():
                done.value = conversation in saved
                done.done.release()

    def write(self, work: Callable[[Cursor], T]) -> T:
        """Run `work` in a transaction of its own, again if the database asks for it; returns after the commit."""
        return self._retrying(work, transaction=True)

    def read(self, work: Callable[[Cursor], T]) -> T:
        """Run `work` over what is committed."""
        return self._retrying(work, transaction=False)

    def close(self) -> None:
        """Finish what is queued and close every connection."""
        self._closed = True
        if self._lane is not None:
            self._queue.put(None)
            self._lane.join(timeout=30)
        self.alchemy.dispose()

    def _retrying(self, work: Callable[[Cursor], T], *, transaction: bool) -> T:
        errors = self._psycopg.errors
        deadline = time.monotonic() + self._patience
        attempt = 0
        while True:
            attempt += 1
            try:
                value = self._once(work, transaction=transaction)
            except (errors.SerializationFailure, errors.DeadlockDetected) as error:
                if attempt > RETRIES:
                    raise unavailable("too many others write the same conversation", 1) from error
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - only to step aside
            except (errors.LockNotAvailable, errors.QueryCanceled) as error:
                raise unavailable("the database is locked by another program") from error
            except self._psycopg.IntegrityError:
                raise
            except (self._psycopg.OperationalError, self._psycopg.InterfaceError, _NoConnection) as error:
                # Whether a cut-off commit happened is unknown; the work is safe to run again, since its own
                # keys, versions and leases find what was written.
                self._broken = "the database cannot be reached"
                if time.monotonic() > deadline:
                    raise unavailable(self._broken) from error
                self.alchemy.dispose()
                time.sleep(0.05 * min(attempt, 10))
            except self._psycopg.Error as error:
                if "read-only" in str(error):
                    raise unavailable("the database is read-only") from error
                if isinstance(error, errors.DiskFull):
                    raise unavailable("the disk that holds the database is full") from error
                raise
            else:
                if transaction:
                    self._broken = ""
                return value

    def _once(self, work: Callable[[Cursor], T], *, transaction: bool) -> T:
        from sqlalchemy.exc import DBAPIError
        from sqlalchemy.exc import TimeoutError as PoolTimeout

        try:
            pooled = self.alchemy.raw_connection()
        except DBAPIError as error:
            raise _NoConnection(str(error)) from error
        except PoolTimeout as error:
            raise unavailable("every connection to the database is in use", 1) from error
        except self._psycopg.Error as error:
            raise _NoConnection(str(error)) from error
        connection: Any = pooled.dbapi_connection
        try:
            cursor = connection.cursor()
            if not transaction:
                return work(cursor)
            cursor.execute("BEGIN")
            try:
                value = work(cursor)
                reach("before-commit")
                cursor.execute("COMMIT")
            except BaseException:
                if not connection.closed:
                    with contextlib.suppress(self._psycopg.Error):
                        connection.cursor().execute("ROLLBACK")
                raise
            reach("after-commit")
            return value
        finally:
            if connection.closed or connection.info.transaction_status != self._psycopg.pq.TransactionStatus.IDLE:
                pooled.invalidate()
            pooled.close()


class _NoConnection(Exception):
    """No connection could be made."""


def writable(path: Path) -> bool:
    """Whether a file, or the folder it would be made in, can be written."""
    return os.access(path if path.exists() else path.parent, os.W_OK)
