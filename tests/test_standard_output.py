"""Standard output gets all of a text, or there is an error."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heartbeat_clf import standard_output
from heartbeat_clf.standard_output import print_whole

CODE = """
import sys
from heartbeat_clf.standard_output import print_whole
try:
    print_whole("line\\n" * 4000)
except OSError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
FULL = Path("/dev/full")


def run(flags, stdout, before=None):
    done = subprocess.run(
        [sys.executable, *flags, "-c", CODE],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
        check=False,
    )
    return done.returncode, done.stderr


def test_streams_that_stand_for_standard_output_are_written_to(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    print_whole("a\nb\n")
    print_whole("")
    assert stream.getvalue() == "a\nb\n"


def test_what_was_printed_before_comes_first(tmp_path, monkeypatch):
    place = tmp_path / "out.txt"
    with place.open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        print("first")
        print_whole("caf\udce9\n")
    assert place.read_text().splitlines() == ["first", "caf\\udce9"]


def test_writes_that_the_system_cuts_go_on(tmp_path, monkeypatch):
    whole = os.write
    monkeypatch.setattr(
        standard_output.os, "write", lambda file, data: whole(file, data[:3])
    )
    with (tmp_path / "out.txt").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        print_whole("0123456789")
    assert (tmp_path / "out.txt").read_text() == "0123456789"


@pytest.mark.parametrize("flags", [[], ["-u"]])
def test_an_output_cut_by_a_limit_is_an_error(tmp_path, flags):
    resource = pytest.importorskip("resource", reason="the system has no such limits")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    with (tmp_path / "out.txt").open("w") as out:
        code, message = run(flags, out, limit)
    assert code == 1
    assert "Expected standard output to take the whole answer, got the s" in message
    assert "'File too large' after 8192 of 20000 bytes." in message


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("flags", [[], ["-u"]])
def test_a_full_disk_is_told_in_plain_words(flags):
    with FULL.open("w") as out:
        code, message = run(flags, out)
    assert (code, message.count("\n")) == (1, 1)
    assert "got a full disk after 0 of 20000 bytes. Free some space" in message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("of its own"), "of its own"),
        (OSError(28, "No space left"), "whole answer, got a full disk after 0 of 2 "),
        (BrokenPipeError(32, "Broken pipe"), "Broken pipe"),
    ],
)
def test_errors_of_other_streams_are_told(monkeypatch, error, message):
    class Stream(io.StringIO):
        def write(self, text):
            raise error

    monkeypatch.setattr(sys, "stdout", Stream())
    with pytest.raises(type(error), match=message):
        print_whole("a\n")


def test_a_closed_standard_output_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    print_whole("")
    with pytest.raises(OSError, match="got a closed one"):
        print_whole("a\n")
