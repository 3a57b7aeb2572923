"""Error signatures in noisy pastes: recall at 1, false matches, time; beside RapidFuzz over all at 100 templates.

    python bench/signatures.py [--sizes 100,10000,100000] [--pastes 400] [FOLDER ...]

Templates are the messages that installed Python code raises and logs (`raise X(f"…{name}…")`, `log.error("… %s …")`),
read from the standard library, site-packages and any FOLDER given. Where there are fewer than asked for, variants fill
up: real ones with about half of their telling words replaced. Half of the pastes hold one template, its placeholders
filled with new values, damaged (case, quotes, wraps, cut ends, one or two typing errors) among unrelated log lines;
the other half hold only unrelated lines. Everything is drawn from one seed. Times are processor time of the thread.
"""

import argparse
import ast
import random
import re
import statistics
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process

from helpbot.knowledge.signature import STOP, BadPattern, Signature, compile_signature, cut_words, words_of
from helpbot.understanding.signatures import SignatureIndex
from helpbot.understanding.unwrap import Unwrapped, unwrap

LOGGERS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "fail", "fatal"}
TYPES_BY_NAME = (
    ("path", "path"),
    ("file", "path"),
    ("url", "url"),
    ("version", "version"),
    ("count", "int"),
    ("num", "int"),
    ("size", "int"),
    ("id", "id"),
)


# ---- templates ------------------------------------------------------------------------------------------------------


def sources(folders: Iterable[Path]) -> Iterator[Path]:
    """Python files below the folders, tests left out: their messages are made up."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if "test" not in path.as_posix().lower():
                yield path


def messages(tree: ast.AST) -> Iterator[list[str | None]]:
    """What the code raises or logs: literal stretches, None where a value goes."""
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call) or not call.args:
            continue
        if call is node and not (isinstance(call.func, ast.Attribute) and call.func.attr in LOGGERS):
            continue
        for arg in call.args[:2]:
            pieces = stretches(arg)
            if pieces:
                yield pieces
                break


def stretches(node: ast.expr) -> list[str | None]:
    """The literal stretches of one string expression, None where a value goes."""
    match node:
        case ast.Constant(value=str() as text):
            return formatted(text)
        case ast.JoinedStr(values=values):
            return [v.value if isinstance(v, ast.Constant) else None for v in values]
        case ast.BinOp(left=left, op=ast.Mod()):
            return stretches(left)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (stretches(left) or [None]) + (stretches(right) or [None])
        case ast.Call(func=ast.Attribute(value=inner, attr="format")):
            return stretches(inner)
    return []


def formatted(text: str) -> list[str | None]:
    """The stretches of a %-format or {}-format string."""
    out: list[str | None] = []
    for n, piece in enumerate(re.split(r"(%(?:\(\w+\))?[-#0-9.]*[sdrifxc]|\{[\w.!:\[\]]*\})", text)):
        out.append(None if n % 2 else piece)
    return out


def pattern(pieces: list[str | None], n: int) -> str:
    """Stretches as an author's pattern."""
    out, gap = "", False
    for piece in pieces:
        if piece is None:
            gap = True
        elif piece.strip():
            if gap:
                out += f"{{v{n}:text}}"
                n += 1
            gap = False
            out += re.sub(r"\s+", " ", piece).replace("{", "{{").replace("}", "}}")
    return (out + (f"{{v{n}:text}}" if gap else "")).strip()


def compiled(text: str, target: str) -> Signature | None:
    """A template worth having: two telling words at least, eight to two hundred letters."""
    try:
        signature = compile_signature(text, target=target)
    except BadPattern:
        return None
    words = [word for part in signature.parts for word, _, _ in cut_words(part)]
    telling = [word for word in words if word not in STOP and len(word) > 2]
    return signature if len(telling) >= 3 and len("".join(signature.parts)) <= 200 and len(words) <= 40 else None


def real_templates(folders: Iterable[Path]) -> list[Signature]:
    """The different messages of all the code below the folders."""
    found: dict[tuple[str, ...], Signature] = {}
    for path in sources(folders):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError):
            continue
        for pieces in messages(tree):
            text = pattern(pieces, 1)
            signature = compiled(text, f"t{len(found)}") if 12 <= len(text) <= 260 else None
            if signature:
                words = tuple(word for part in signature.parts for word, _, _ in cut_words(part))
                found.setdefault(words, signature)
    return list(found.values())


def filled_up(real: list[Signature], size: int, rng: random.Random) -> list[Signature]:
    """As many templates as asked for: real ones in a random order, then variants of them."""
    chosen = rng.sample(real, min(size, len(real)))
    words = sorted(
        {
            word
            for s in real
            for part in s.parts
            for word in re.findall(r"(?<![A-Za-z_])[a-z]{4,14}(?![A-Za-z_])", part)
            if word not in STOP
        }
    )
    seen = {s.pattern.lower() for s in chosen}
    while len(chosen) < size:
        text = re.sub(
            r"(?<![\w{:])[A-Za-z]{4,}(?![\w:}])",
            lambda m: rng.choice(words) if m[0].lower() not in STOP and rng.random() < 0.5 else m[0],
            rng.choice(real).pattern,
        )
        if text.lower() not in seen and (signature := compiled(text, f"v{len(chosen)}")):
            seen.add(text.lower())
            chosen.append(signature)
    return chosen


# ---- pastes ---------------------------------------------------------------------------------------------------------

KEYS = {
    key: beside
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for key, beside in zip(row, row[1:] + row[-2], strict=True)
}
NOISE = (
    "{time} INFO  [http-{n}] GET /api/v2/{w}/{n} 200 {n}ms",
    "{time} DEBUG {w}.{w}: cache hit for {w}:{n}",
    "[{time}] worker-{n} heartbeat ok, queue={n}",
    "{time} INFO  Started {w} in {n} seconds",
    '10.0.{n}.4 - - [{time}] "POST /{w} HTTP/1.1" 201 {n}',
    "{time} WARN  {w} pool at {n}% of capacity",
    "  at com.example.{w}.{W}.run({W}.java:{n})",
    "{time} kernel: [{n}.{n}] eth0: link up, 1000 Mbps",
    "{time} TRACE {w} -> {w} ({n} bytes)",
    'level=info msg="{w} reloaded" duration={n}ms',
    "{time} systemd[1]: Reached target {W} {W}.",
    "{time} INFO  user {w}{n} signed in from 192.168.{n}.7",
    "gc: collected {n} objects, {n} KiB, pause {n}us",
    "{time} ERROR retry {n} of 5 for {w}, next in {n}s",
)
NAMES = sorted(
    words_of(
        "alpha north invoice report river summer maple atlas cobalt delta ember falcon garnet harbor indigo "
        "jasper lumen meadow nimbus orchid"
    )
)


@dataclass(frozen=True, slots=True)
class Paste:
    """One text to look in, and what is to be found in it."""

    text: str
    target: str | None
    clean: bool


def noise(rng: random.Random) -> str:
    """One unrelated log line."""
    line = rng.choice(NOISE)
    while "{" in line:
        for mark, make in (
            (
                "{time}",
                lambda: (
                    f"2026-0{rng.randint(1, 9)}-{rng.randint(10, 28)} {rng.randint(10, 23)}:{rng.randint(10, 59)}:07"
                ),
            ),
            ("{n}", lambda: str(rng.randint(1, 250))),
            ("{w}", lambda: rng.choice(NAMES)),
            ("{W}", lambda: rng.choice(NAMES).title()),
        ):
            line = line.replace(mark, make(), 1)
    return line


def value(rng: random.Random) -> str:
    """A new value for a placeholder."""
    kind = rng.randrange(6)
    name = rng.choice(NAMES)
    return (
        str(rng.randint(1, 99999)),
        name,
        f"/srv/{name}/{rng.choice(NAMES)}.cfg",
        f"'{name}_{rng.randint(1, 99)}'",
        f"{name}-{rng.getrandbits(32):08x}",
        f"{name} {rng.choice(NAMES)}",
    )[kind]


def rendered(signature: Signature, rng: random.Random) -> str:
    """A message as it would be shown."""
    out = signature.parts[0]
    for part in signature.parts[1:]:
        out += value(rng) + part
    return out.strip()


def mistyped(text: str, rng: random.Random) -> str:
    """One or two letters lost, swapped, replaced or doubled."""
    places = [i for i, c in enumerate(text) if c.isalpha()]
    for _ in range(rng.randint(1, 2)):
        i = rng.choice(places)
        if i >= len(text) - 1:
            continue
        kind = rng.randrange(4)
        near = KEYS.get(text[i].lower(), "e")
        near = near.upper() if text[i].isupper() else near
        text = (
            text[:i] + text[i + 1 :],
            text[:i] + text[i + 1] + text[i] + text[i + 2 :],
            text[:i] + near + text[i + 1 :],
            text[:i] + text[i] + near + text[i + 1 :],
        )[kind]
    return text


def damaged(text: str, rng: random.Random) -> str:
    """One to three kinds of damage."""
    for kind in rng.sample(("case", "quotes", "wrap", "cut", "typos", "prefix"), rng.randint(1, 3)):
        if kind == "case":
            text = rng.choice((str.upper, str.lower, str.title))(text)
        elif kind == "quotes":
            text = (
                rng.choice(("“{}”", "'{}'", "> {}", '{{"error": "{}"}}', "<td>{}</td>", "`{}`"))
                .replace("{{", "{")
                .replace("}}", "}")
                .replace("{}", text, 1)
            )
        elif kind == "wrap" and " " in text:
            width = rng.randint(24, 60)
            text = re.sub(rf"(.{{{width},}}?) ", r"\1\n", text)
        elif kind == "cut":
            keep = max(24, int(len(text) * rng.uniform(0.7, 0.95)))
            if keep < len(text):
                text = rng.choice(
                    (text[:keep] + "…", text[:keep], text[:keep] + "...", "…" + text[-keep:], text[-keep:])
                )
        elif kind == "typos":
            text = mistyped(text, rng)
        elif kind == "prefix":
            text = (
                rng.choice(
                    (
                        "ERROR: ",
                        "2026-03-04 10:11:12,345 ERROR [main] ",
                        "Error - ",
                        "ValueError: ",
                        "it says ",
                    )
                )
                + text
            )
    return text


def paste(signature: Signature | None, rng: random.Random) -> Paste:
    """A message among unrelated lines, or such lines alone."""
    size = int(30 * (2000 / 30) ** rng.random())  # 30 to 2,000 characters, short ones as likely as long ones
    lines: list[str] = []
    clean = False
    if signature is not None:
        clean = rng.random() < 0.15
        said = rendered(signature, rng)
        lines = [said if clean else damaged(said, rng)]
    while sum(map(len, lines)) < size:
        lines.insert(rng.randint(0, len(lines)), noise(rng))
    return Paste("\n".join(lines), signature.target if signature else None, clean)


# ---- measuring ------------------------------------------------------------------------------------------------------


def ms(seconds: list[float]) -> float:
    """The median, in milliseconds."""
    return statistics.median(seconds) * 1000


def measure(signatures: list[Signature], pastes: list[Paste], shown: int = 0) -> dict[str, float]:
    """Recall at 1, the share of false matches, and times."""
    began = time.thread_time()
    index = SignatureIndex(signatures)
    built = time.thread_time() - began
    right = false = held = 0
    took, peeling, wrong = [], [], []
    for one in pastes:
        began = time.thread_time()
        unwrapped = unwrap(one.text)
        middle = time.thread_time()
        found = index.match(unwrapped, limit=1)
        took.append(time.thread_time() - middle)
        peeling.append(middle - began)
        best = found[0].signature.target if found else None
        if one.target is None:
            false += best is not None
        else:
            held += 1
            right += best == one.target
        if best != one.target:
            wrong.append((one, found))
    show(wrong[:shown], {s.target: s for s in signatures})
    rng = random.Random(5)  # noqa: S311 - the same each time
    lines = [unwrap(rendered(signature, rng)) for signature in rng.sample(signatures, min(300, len(signatures)))]
    exact = [spent(index, line) for line in lines for _ in range(3)]
    return {
        "recall": right / held,
        "false": false / (len(pastes) - held),
        "p50": ms(took),
        "p99": sorted(took)[int(len(took) * 0.99)] * 1000,
        "exact": ms(exact),
        "unwrap": ms(peeling),
        "build": built,
    }


def spent(index: SignatureIndex, line: Unwrapped) -> float:
    """Seconds that one match took."""
    began = time.thread_time()
    index.match(line, limit=1)
    return time.thread_time() - began


def show(wrong: list[tuple[Paste, list]], by_target: dict[str, Signature]) -> None:
    """Print what went wrong, for whoever tunes this."""
    for one, found in wrong:
        wanted = by_target[one.target].pattern if one.target else None
        got = f"{found[0].signature.pattern!r} {found[0].score} {found[0].evidence}" if found else None
        print(f"  wanted {wanted!r}\n  got    {got}")
        print("  paste  " + repr(one.text if len(one.text) < 400 else one.text[:400]) + "\n")


def rapidfuzz_over_all(signatures: list[Signature], pastes: list[Paste]) -> tuple[float, float]:
    """Recall with the threshold that lets one in two hundred unrelated pastes through, and the median in ms."""
    texts = [" ".join(part.strip() for part in s.parts).lower() for s in signatures]
    took, right, none = [], [], []
    for one in pastes:
        began = time.thread_time()
        best = process.extractOne(one.text.lower(), texts, scorer=fuzz.partial_ratio)
        took.append(time.thread_time() - began)
        if one.target is None:
            none.append(best[1])
        else:
            right.append(best[1] if signatures[best[2]].target == one.target else -1.0)
    threshold = sorted(none)[int(len(none) * 0.995) - 1]
    return sum(score > threshold for score in right) / len(right), ms(took)


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--sizes", default="100,10000,100000")
    parser.add_argument("--pastes", type=int, default=400, help="with a message; as many without")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, default=0, help="print so many wrong ones")
    options = parser.parse_args()
    paths = sysconfig.get_paths()
    real = real_templates([Path(paths["stdlib"]), Path(paths["purelib"]), *options.folders])
    print(f"{len(real)} real templates, Python {sys.version.split()[0]}")
    print(
        "| templates | recall@1 | false matches | p50 ms | p99 ms "
        "| undamaged line, p50 ms | unwrap p50 ms | build s |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for size in map(int, options.sizes.split(",")):
        rng = random.Random(options.seed)  # noqa: S311 - the same each time
        signatures = filled_up(real, size, rng)
        pool = (
            signatures
            if size <= len(real)
            else signatures[: len(real)] + rng.sample(signatures[len(real) :], min(len(real), size - len(real)))
        )
        pastes = [paste(rng.choice(pool), rng) for _ in range(options.pastes)] + [
            paste(None, rng) for _ in range(options.pastes)
        ]
        rng.shuffle(pastes)
        got = measure(signatures, pastes, options.show)
        print(
            f"| {size:,} | {got['recall']:.3f} | {got['false']:.3f} | {got['p50']:.3f} | {got['p99']:.2f} "
            f"| {got['exact']:.3f} | {got['unwrap']:.3f} | {got['build']:.1f} |",
            flush=True,
        )
        if size <= 100:
            recall, p50 = rapidfuzz_over_all(signatures, pastes)
            print(
                f"| {size:,}, RapidFuzz partial ratio over all | {recall:.3f} | .005 | {p50:.3f} | | | | |",
                flush=True,
            )


if __name__ == "__main__":
    main()
