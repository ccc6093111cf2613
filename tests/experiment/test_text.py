"""Hostile experiment files: what is no ordinary text is refused at once, in one sentence of bounded length."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pysv
from pysv import config
from pysv.errors import ExperimentFileError, quoted
from pysv.experiment.text import check_shape

ROOT = Path(__file__).parents[2]


def refused(path: Path) -> str:
    """The sentence of a file that must be refused within a second of the processor."""
    begun = time.process_time()
    with pytest.raises(ExperimentFileError) as caught:
        pysv.read(path)
    assert time.process_time() - begun < 1
    sentence = str(caught.value)
    assert len(sentence) < 600
    return sentence


def written(folder: Path, text: str) -> Path:
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_devices_and_pipes(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        assert refused(path) == f"{path}: is not an ordinary file; name an experiment file"
    assert "cannot be read (" in refused(tmp_path)
    assert "cannot be read (embedded null byte)" in refused(Path("a\0b"))


def test_a_large_file(tmp_path):
    path = tmp_path / "large.toml"
    path.write_bytes(b"#" * 1_000_000)
    pysv.read(path)
    path.write_bytes(b"#" * 1_000_001)
    assert "is larger than 1 MB, the limit of an experiment file" in refused(path)


def test_a_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "mark.toml"
    path.write_bytes(b"\xef\xbb\xbf[device]\nsites = 99\n")
    assert pysv.read(path).experiment.device.sites == 99
    path.write_bytes("[device]\n".encode("utf-16"))
    assert refused(path).endswith("is not a text file in UTF-8")


@pytest.mark.parametrize(
    "text",
    ["a" + ".a" * 400_000 + " = 1", "[" + "a." * 30_000 + "a]", '"a"' + " . 'a'" * 100_000 + "=1",
     "x = {" + "a." * 20_000 + "a = 1}"],
)  # fmt: skip
def test_a_key_of_many_parts(tmp_path, text):
    assert "line 1 has a key of more than 16 parts" in refused(written(tmp_path, text))


@pytest.mark.parametrize("text", ["\na = " + "[" * 300_000, "\na = " + "{a = " * 100_000, "\n" + "[" * 50_000])
def test_deep_nesting(tmp_path, text):
    assert "line 2 has lists or tables more than 32 deep" in refused(written(tmp_path, text))


def test_marks_in_strings_and_comments_do_not_count():
    dots, lists = "." * 50, "[" * 50
    text = f"""
# {dots} {lists}
a = "{dots} \\" {lists}"
b = '{dots} {lists}'
c = \"\"\"{dots}
" \\\" {lists}\"\"\"
d = '''{dots} ' {lists}'''
e = [{", ".join(["1.5"] * 100)}]
f = [[[1.0, 2.0], [3.0]], {{x.y = 1.5}}]
"""
    check_shape(text, "a")
    with pytest.raises(ExperimentFileError, match="line 9 has a key"):
        check_shape(text[:-1] + "." * 20, "a")


@pytest.mark.parametrize(
    "text",
    ["k" * 900_000 + " = 1", "[device]\n" + "k" * 900_000 + " = 1", f"[device]\nsites = '{'x' * 900_000}'",
     f"[device]\nsites = {[1] * 200_000}", f"[source]\nspin = '{'x' * 900_000}'", "[device]\nsites = " + "9" * 4000,
     f"[spins]\nkind = '{'x' * 900_000}'", f"[evolution]\nengine = '{'x' * 900_000}'", "[device]\nsites = " + "9" * 9000,
     f"[record]\nmomenta = {[1.0] * 100_000}", f"[evolution]\nat = {[-1.0] * 100_000}", f"device = '{'x' * 900_000}'"],
    ids=lambda text: text[:25].split("\n")[-1],
)  # fmt: skip
def test_sentences_are_bounded(tmp_path, text):
    refused(written(tmp_path, text))


def test_quoted_values():
    assert quoted("a") == "'a'"
    assert quoted("a" * 78) == repr("a" * 78)
    assert quoted("a" * 79) == "'" + "a" * 78 + "…"
    assert quoted([1] * 100) == repr([1] * 100)[:79] + "…"


def test_memory_is_bounded(tmp_path):
    """Today's worst case of the parser: many keys of the greatest length, in a file of the greatest size."""
    keys = "\n".join(".".join(f"k{number}x{part}" for part in range(16)) + " = 1" for number in range(10_000))
    path = written(tmp_path, keys[:1_000_000])
    code = "import sys, pysv, pysv.errors\ntry:\n pysv.read(sys.argv[1])\nexcept pysv.errors.ExperimentFileError as e: print(e)"
    limit = 2 * 2**30
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )  # fmt: skip
    assert len(done.stdout) < 600
    assert "a.toml:" in done.stdout


def test_every_experiment_of_ones_own_passes():
    """What pysv writes, it reads: long lists are no obstacle."""
    device = pysv.SpinValve(sites=400, polarizer=(100, 101), analyzer=(110, 111))
    values = tuple((0.01 * (n % 7), 0.01) for n in range(400))
    experiment = pysv.Experiment(device=device, source=pysv.Amplitudes(values=values), times=pysv.times(stop=1, step=1))
    assert config.loads(config.dumps(experiment)).experiment == experiment
