"""How fast the index is built, opened, asked and changed, on one core, beside its peers in the same run.

    python bench/retrieval_speed.py [FOLDER] [--sizes 50 1000 10000 100000] [--rounds 3] [--json FILE]

FOLDER holds text (Markdown, reStructuredText, plain text), cut into passages of 80 to 150 words; where it is
too little for a size, it is read again with other cuts. Without a folder the documentation strings of Python's
standard library and of the installed packages are read. Questions are 1,000 spans of 4 to 12 words ("short")
and of 30 to 80 ("long"), tokens ready, top 10. Peers that are not installed are left out with a line:
rank-bm25, SQLite's FTS5, bm25s, bm25s with numba, tantivy, Xapian.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pickle
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ |= {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "NUMBA")}  # one core

import numpy as np
from rank_bm25 import BM25Plus

from helpbot.loading_index import open_index, save_index
from helpbot.retrieval import fast
from helpbot.retrieval.bm25 import Bm25Index
from helpbot.retrieval.search import Indexes
from helpbot.retrieval.tokens import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SEED = 20_260
QUESTIONS = 1_000
TOP = 10
PATIENCE = 2.0  # seconds a round may take: slow engines are asked fewer questions, always the same first ones
TEXTS = {".md", ".mdx", ".rst", ".txt", ".markdown"}
_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)

Tokens = list[str]


# --- text -------------------------------------------------------------------------------------------------


def texts(folder: Path | None) -> Iterator[str]:
    """The texts of a folder in the order of their names; without one, of Python's own documentation strings."""
    if folder is not None:
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in TEXTS):
            yield path.read_text(encoding="utf-8", errors="replace")
        return
    roots = sorted({Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")})
    for path in (path for root in roots for path in sorted(root.rglob("*.py"))):
        yield "\n".join(_DOCSTRING.findall(path.read_text(encoding="utf-8", errors="replace")))


def passages(folder: Path | None, count: int) -> list[str]:
    """So many passages of 80 to 150 words."""
    words = " ".join(texts(folder)).split()
    if len(words) < 1_000:
        sys.exit(f"{folder}: holds {len(words)} words of text; at least 1,000 are needed")
    chance, found, at = np.random.default_rng(SEED), [], 0
    while len(found) < count:
        length = int(chance.integers(80, 151))
        if at + length > len(words):
            at = int(chance.integers(80))
        found.append(" ".join(words[at : at + length]))
        at += length
    return [found[n] for n in chance.permutation(count).tolist()]


def spans(texts: Sequence[str], least: int, most: int, tokenizer: Tokenizer) -> list[Tokens]:
    """Questions: runs of words of random passages, as tokens."""
    chance, found = np.random.default_rng(SEED + least), []
    while len(found) < QUESTIONS:
        words = texts[int(chance.integers(len(texts)))].split()
        length = int(chance.integers(least, most + 1))
        at = int(chance.integers(max(1, len(words) - length)))
        tokens = tokenizer.words(" ".join(words[at : at + length]))
        if tokens:
            found.append(tokens)
    return found


# --- engines ----------------------------------------------------------------------------------------------


@dataclass
class Engine:
    """One way to search: `build` gives something to `ask`."""

    name: str
    build: Callable[[list[Tokens]], Any]
    ask: Callable[[Any, Tokens], Any]
    before: Callable[[], Any] = lambda: None
    most: int = 10**9  # passages: beyond, it would take minutes
    change: Callable[[Any, list[Tokens], Tokens], Any] | None = None
    times: dict[tuple[int, str], float] = field(default_factory=dict)


def _numpy_only() -> None:
    fast.FEWEST_PASSAGES = 10**9


def _compiled() -> None:
    fast.FEWEST_PASSAGES = 20_000
    fast.ready()


def _change(index: Bm25Index, more: list[Tokens], question: Tokens) -> Any:
    return index.changed(remove=range(7), add=more).top(question, TOP)


def _fts(lists: list[Tokens], where: str = ":memory:") -> sqlite3.Connection:
    base = sqlite3.connect(where)
    base.execute("create virtual table passage using fts5(text, tokenize = \"unicode61 tokenchars '._-#+'\")")
    base.executemany("insert into passage(rowid, text) values (?, ?)", ((n, " ".join(t)) for n, t in enumerate(lists)))
    base.commit()
    return base


def _fts_ask(base: sqlite3.Connection, tokens: Tokens) -> Any:
    words = " OR ".join('"' + token.replace('"', '""') + '"' for token in tokens)
    return base.execute(
        "select rowid, rank from passage where passage match ? order by rank limit ?", (words, TOP)
    ).fetchall()


def _fts_change(base: sqlite3.Connection, more: list[Tokens], question: Tokens) -> Any:
    base.execute("delete from passage where rowid between 0 and 6")
    base.executemany("insert into passage(text) values (?)", ((" ".join(t),) for t in more))
    base.commit()
    return _fts_ask(base, question)


class Tantivy:
    """Tantivy with the tokens given, numbers of passages stored."""

    def __init__(self, lists: list[Tokens], where: str | None = None) -> None:
        import tantivy

        self.module = tantivy
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", stored=False, tokenizer_name="whitespace", index_option="freq")
        builder.add_unsigned_field("number", stored=True, indexed=True)
        self.schema = builder.build()
        self.index = tantivy.Index(self.schema, path=where)
        writer = self.index.writer(200_000_000, 1)
        self._write(writer, lists, 0)
        writer.wait_merging_threads()
        self._open()

    def _write(self, writer: Any, lists: list[Tokens], first: int) -> None:
        for number, tokens in enumerate(lists, first):
            document = self.module.Document()
            document.add_text("text", " ".join(tokens))
            document.add_unsigned("number", number)
            writer.add_document(document)
        writer.commit()

    def _open(self) -> None:
        self.index.reload()
        self.searcher = self.index.searcher()

    def ask(self, tokens: Tokens) -> Any:
        """The best passages."""
        query, should = self.module.Query, self.module.Occur.Should
        terms = [(should, query.term_query(self.schema, "text", t, index_option="freq")) for t in tokens]
        return self.searcher.search(query.boolean_query(terms), TOP, count=False).hits

    def change(self, more: list[Tokens], question: Tokens) -> Any:
        """Seven passages out, seven in."""
        writer = self.index.writer(50_000_000, 1)
        for number in range(7):
            writer.delete_documents_by_term("number", number)
        self._write(writer, more, 10**7)
        self._open()
        return self.ask(question)


def _bm25s(backend: str) -> Callable[[list[Tokens]], Any]:
    def build(lists: list[Tokens]) -> Any:
        import bm25s

        model = bm25s.BM25(method="bm25+", backend=backend)
        model.index(lists, show_progress=False)
        return model

    return build


def _bm25s_ask(model: Any, tokens: Tokens) -> Any:
    return model.retrieve([tokens], k=TOP, show_progress=False, n_threads=0)


class Xapian:
    """Xapian in memory, BM25 as it comes."""

    def __init__(self, lists: list[Tokens]) -> None:
        import xapian

        self.module = xapian
        self.base = xapian.WritableDatabase("", xapian.DB_BACKEND_INMEMORY)
        for tokens in lists:
            document = xapian.Document()
            for token in tokens:
                document.add_term(token[:60])
            self.base.add_document(document)

    def ask(self, tokens: Tokens) -> Any:
        """The best passages."""
        enquire = self.module.Enquire(self.base)
        enquire.set_query(self.module.Query(self.module.Query.OP_OR, [token[:60] for token in tokens]))
        return [match.docid for match in enquire.get_mset(0, TOP)]


def engines() -> list[Engine]:
    """Ours first, then the peers that are here; a line for each that is not."""
    found = [Engine("helpbot", Bm25Index.build, lambda index, q: index.top(q, TOP), _numpy_only, change=_change)]
    if find_spec("numba"):
        found.append(
            Engine("helpbot[fast]", Bm25Index.build, lambda index, q: index.top(q, TOP), _compiled, change=_change)
        )
    found += [
        Engine("rank-bm25", BM25Plus, lambda model, q: model.get_scores(q).argsort()[::-1][:TOP]),
        Engine("SQLite FTS5", _fts, _fts_ask, change=_fts_change),
    ]
    if find_spec("bm25s"):
        found.append(Engine("bm25s", _bm25s("numpy"), _bm25s_ask))
        if find_spec("numba"):
            found.append(Engine("bm25s + numba", _bm25s("numba"), _bm25s_ask))
    if find_spec("tantivy"):
        found.append(Engine("tantivy", Tantivy, Tantivy.ask, change=Tantivy.change))
    if find_spec("xapian"):
        found.append(Engine("Xapian", Xapian, Xapian.ask, most=10_000))
    for name in ("numba", "bm25s", "tantivy", "xapian"):
        if not find_spec(name):
            print(f"{name} is not installed: left out")
    return found


# --- measuring --------------------------------------------------------------------------------------------


def p50(ask: Callable[[Tokens], Any], questions: list[Tokens]) -> float:
    """The median milliseconds of as many questions as patience allows."""
    for question in questions[:20]:
        start = time.perf_counter()
        ask(question)
        if time.perf_counter() - start > 0.05:
            break
    taken: list[float] = []
    begin = time.perf_counter()
    for question in questions:
        start = time.perf_counter()
        ask(question)
        taken.append(time.perf_counter() - start)
        if time.perf_counter() - begin > PATIENCE and len(taken) >= 5:
            break
    return statistics.median(taken) * 1e3


def measure(engine: Engine, lists: list[Tokens], asked: dict[str, list[Tokens]], rounds: int) -> None:
    """Fill in an engine's times for one size."""
    size = len(lists)
    engine.before()
    gc.collect()
    gc.freeze()
    start = time.perf_counter()
    built = engine.build(lists)
    engine.times[size, "build"] = (time.perf_counter() - start) * 1e3
    for kind, questions in asked.items():
        engine.times[size, kind] = statistics.median(
            p50(lambda q: engine.ask(built, q), questions) for _ in range(rounds)
        )
    if engine.change is not None:
        start = time.perf_counter()
        engine.change(built, lists[7:14], asked["short"][0])
        engine.times[size, "change"] = (time.perf_counter() - start) * 1e3


_CHILD = """
import json, os, sys, time
def held():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) / 1024
bare = held()
questions = json.load(open(sys.argv[2]))
read = held() - bare
{imports}
start = time.perf_counter()
{opening}
ask(questions[0])
first = (time.perf_counter() - start) * 1e3
for question in questions:
    if time.perf_counter() - start > {patience}:
        break
    ask(question)
print(json.dumps({{"open": first, "memory": held() - bare - read}}))
"""

_OPENING = {  # what a process does before the clock starts, and until it can be asked
    "helpbot": (
        """
from helpbot.loading_index import open_index
from pathlib import Path
from helpbot.retrieval import fast
fast.FEWEST_PASSAGES = 10 ** 9
""",
        """
index = open_index(Path(sys.argv[1])).indexes.words
ask = lambda q: index.top(q, 10)
""",
    ),
    "rank-bm25": (
        "import pickle, rank_bm25",
        """
model = pickle.load(open(sys.argv[1], "rb"))
ask = lambda q: model.get_scores(q).argsort()[::-1][:10]
""",
    ),
    "SQLite FTS5": (
        "import sqlite3",
        """
base = sqlite3.connect(sys.argv[1])
sql = "select rowid, rank from passage where passage match ? order by rank limit 10"
quoted = lambda t: '"' + t.replace('"', "") + '"'
ask = lambda q: base.execute(sql, (" OR ".join(map(quoted, q)),)).fetchall()
""",
    ),
    "bm25s": (
        "import bm25s",
        """
model = bm25s.BM25.load(sys.argv[1], mmap=True)
ask = lambda q: model.retrieve([q], k=10, show_progress=False, n_threads=0)
""",
    ),
    "tantivy": (
        "import tantivy",
        """
index = tantivy.Index.open(sys.argv[1])
searcher, schema, Query, should = index.searcher(), index.schema, tantivy.Query, tantivy.Occur.Should
def ask(q):
    terms = [(should, Query.term_query(schema, "text", t, index_option="freq")) for t in q]
    return searcher.search(Query.boolean_query(terms), 10, count=False).hits
""",
    ),
}


def stored(lists: list[Tokens], asked: list[Tokens], folder: Path) -> dict[str, dict[str, float]]:
    """Open from disk to the first answer (ms), and memory after all questions over a bare interpreter (MB)."""
    questions = folder / "questions.json"
    questions.write_text(json.dumps(asked), encoding="utf-8")
    places: dict[str, Path] = {name: folder / re.sub(r"\W", "-", name) for name in _OPENING}
    index = Bm25Index.build(lists)
    nothing = Bm25Index.build([[]] * len(lists))
    save_index(places["helpbot"], Indexes(index, nothing, None), [], source="bench")
    assert open_index(places["helpbot"]).indexes.words.size == len(lists)
    with places["rank-bm25"].open("wb") as file:
        pickle.dump(BM25Plus(lists), file)
    _fts(lists, str(places["SQLite FTS5"])).close()
    if find_spec("bm25s"):
        _bm25s("numpy")(lists).save(str(places["bm25s"]))
    if find_spec("tantivy"):
        places["tantivy"].mkdir()
        Tantivy(lists, str(places["tantivy"]))
    found = {}
    for name, (imports, opening) in _OPENING.items():
        place = places[name]
        if not place.exists():
            continue
        code = _CHILD.format(imports=imports, opening=opening, patience=2 * PATIENCE)
        runs = [
            json.loads(
                subprocess.run(  # our own code, our own interpreter
                    [sys.executable, "-c", code, str(place), str(questions)],
                    check=True, capture_output=True, text=True,
                ).stdout
            )
            for _ in range(3)
        ]  # fmt: skip
        files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
        found[name] = {
            "open": statistics.median(run["open"] for run in runs),
            "memory": statistics.median(run["memory"] for run in runs),
            "disk": sum(path.stat().st_size for path in files) / 1e6,
        }
    return found


# --- report -----------------------------------------------------------------------------------------------


def table(found: list[Engine], sizes: list[int], kind: str) -> None:
    """Milliseconds by engine and size."""
    print(f"\n{kind}, ms" + "".join(f"{size:>12,}" for size in sizes))
    for engine in found:
        row = [engine.times.get((size, kind)) for size in sizes]
        if any(row):
            print(f"{engine.name:<14}" + "".join(f"{value:>12.3f}" if value else f"{'-':>12}" for value in row))


def goals(found: list[Engine], sizes: list[int], kept: dict[str, dict[str, float]]) -> None:
    """What was aimed at, and what is."""
    times = {engine.name: engine.times for engine in found}

    def ratio(kind: str, ours: str, peer: str, size: int, goal: float) -> None:
        if ours in times and peer in times and (size, kind) in times[peer]:
            got = times[ours][size, kind] / times[peer][size, kind]
            print(f"{kind:<7}{size:>9,}  {ours:<14}/ {peer:<15}{got:>7.2f}   goal {goal:<5} {_met(got <= goal)}")

    def limit(what: str, got: float, goal: float, unit: str) -> None:
        print(f"{what:<48}{got:>7.1f} {unit}  goal {goal:g} {_met(got <= goal)}")

    most, least = max(sizes), min(sizes)
    print("\ngoals")
    ratio("short", "helpbot", "tantivy", most, 2.0)
    ratio("short", "helpbot[fast]", "bm25s + numba", most, 0.5)
    ratio("long", "helpbot", "tantivy", most, 1.3)
    ratio("long", "helpbot[fast]", "bm25s + numba", most, 0.6)
    ratio("short", "helpbot", "tantivy", least, 1.0)
    ratio("long", "helpbot", "tantivy", least, 1.0)
    ratio("build", "helpbot", "rank-bm25", most, 1.2)
    if kept:
        limit(f"open to the first answer, {most:,}", kept["helpbot"]["open"], 50, "ms")
        limit(f"memory while serving, {most:,}", kept["helpbot"]["memory"], 60, "MB")
    limit(f"one article changed to the first answer, {most:,}", times["helpbot"][most, "change"], 100, "ms")


def _met(yes: bool) -> str:
    return "met" if yes else "missed"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--sizes", nargs="+", type=int, default=[50, 1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    tokenizer = Tokenizer()
    everything = passages(options.folder, max(options.sizes))
    lists = [tokenizer.words(text) for text in everything]
    words = sum(map(len, lists)) / len(lists)
    print(f"{len(lists):,} passages, {words:.0f} tokens each, {len({t for x in lists for t in x}):,} different")
    found = engines()
    for size in options.sizes:
        asked = {
            "short": spans(everything[:size], 4, 12, tokenizer),
            "long": spans(everything[:size], 30, 80, tokenizer),
        }
        for engine in found:
            if size <= engine.most:
                measure(engine, lists[:size], asked, options.rounds)
    for kind in ("short", "long", "build", "change"):
        table(found, options.sizes, kind)
    folder = Path(tempfile.mkdtemp())
    try:
        most = max(options.sizes)
        kept = stored(lists[:most], spans(everything[:most], 4, 12, tokenizer), folder)
    finally:
        shutil.rmtree(folder)
    print(f"\n{max(options.sizes):,} passages    open, ms  memory, MB    disk, MB")
    for name, row in kept.items():
        print(f"{name:<18}{row['open']:>10.1f}{row['memory']:>12.1f}{row['disk']:>12.1f}")
    goals(found, options.sizes, kept)
    if options.json:
        rows = [
            {"engine": engine.name, "passages": size, "what": kind, "ms": value}
            for engine in found
            for (size, kind), value in engine.times.items()
        ]
        options.json.write_text(json.dumps({"times": rows, "stored": kept}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
