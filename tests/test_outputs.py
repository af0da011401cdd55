"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from heartbeat_clf import outputs
from heartbeat_clf.outputs import (
    check_not_read,
    check_target,
    have_folder,
    make_folder,
    plain_os_errors,
    whole_file,
    write_text,
)


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    target = tmp_path / "a.txt"
    with whole_file(target) as partial:
        partial.write_text("all")
        assert not target.exists()
    assert target.read_text() == "all"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with whole_file(target) as partial:
            partial.write_text("ne")
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_and_links_stay(tmp_path):
    secret, link = tmp_path / "secret.csv", tmp_path / "link.csv"
    secret.write_text("old")
    secret.chmod(0o600)
    link.symlink_to(secret)
    write_text(link, "new")
    assert link.is_symlink()
    assert secret.read_text() == "new"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "answer")
        assert os.read(reader, 100) == b"answer"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def written_by(name, *, stdout, **settings):
    """Write "new" to a file of that name, in a process with such an output."""
    code = (
        "from heartbeat_clf.outputs import check_target, write_text\n"
        f"write_text(check_target({name!r}), 'new')"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, stdout=stdout, check=True, **settings)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="there is none")
def test_what_is_open_already_is_added_to(tmp_path):
    done = written_by("/dev/stdout", stdout=subprocess.PIPE, text=True)
    assert done.stdout == "new"
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        if not Path(name).exists():
            continue
        log = tmp_path / "log"
        for mode in ("a", "w"):
            log.write_text("old ")
            with log.open(mode) as file:
                # What a shell opened is shared: the last word follows the new one.
                file.write("first ")
                file.flush()
                written_by(name, stdout=file)
                file.write(" last")
            before = "old " if mode == "a" else ""
            assert log.read_text() == f"{before}first new last"
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_what_is_open_need_not_be_writable_by_its_name(monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    name = "/dev/stdout"
    if not Path(name).exists():
        pytest.skip("there is none")
    assert check_target(name) == Path(name)


def test_target_may_not_be_write_protected(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    target.write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: path != target)
    with pytest.raises(PermissionError, match=r"a\.txt', which is write-protected"):
        check_target(target)


def test_a_dash_is_no_file():
    with pytest.raises(ValueError, match="Expected a file to write, got '-'"):
        check_target("-")


def test_names_of_files_that_are_not_utf8_keep_their_bytes(tmp_path):
    write_text(tmp_path / "a.csv", "caf\udce9.wav é\n")
    assert (tmp_path / "a.csv").read_bytes() == b"caf\xe9.wav \xc3\xa9\n"


def test_target_may_be_new_or_there(tmp_path):
    assert check_target(tmp_path / "new") == tmp_path / "new"


def test_target_is_no_folder(tmp_path):
    with pytest.raises(IsADirectoryError, match="Name a file in it"):
        check_target(tmp_path)


def test_target_needs_its_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="Make it first"):
        check_target(tmp_path / "none" / "a.txt")


def test_target_needs_a_folder_that_can_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs.os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="Name another one"):
        check_target(tmp_path / "a.txt")


@pytest.mark.skipif(
    not os.path.exists("/proc/self") or os.geteuid() != 0,
    reason="the system has no folder that takes no files though it is writable",
)
def test_target_needs_a_folder_that_takes_files():
    with pytest.raises(OSError, match=r"'/proc/x' to be a file that can be written, g"):
        check_target("/proc/x")


def test_target_is_tried_without_a_trace(tmp_path, monkeypatch):
    (tmp_path / "old").write_text("old")
    check_target(tmp_path / "old")
    check_target(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]

    def fail(**_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(outputs.tempfile, "TemporaryFile", fail)
    with pytest.raises(OSError, match=r"new' to be a file .* 'Input/output error'"):
        check_target(tmp_path / "new")
    # Devices are written to, not replaced.
    assert str(check_target(os.devnull)) == os.devnull


def test_an_output_that_is_read_too_is_refused_under_any_name(tmp_path):
    source = tmp_path / "a.wav"
    source.write_bytes(b"sound")
    (tmp_path / "b.wav").symlink_to(source)
    with pytest.raises(ValueError, match=r"none of the inputs, got .*b\.wav"):
        check_not_read(tmp_path / "b.wav", ["missing", source])


def test_an_output_beside_what_is_read_is_fine(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"sound")
    (tmp_path / "b.csv").write_text("old")
    assert check_not_read(tmp_path / "b.csv", [tmp_path / "a.wav", tmp_path]) is None
    assert check_not_read(tmp_path / "new.csv", [tmp_path / "a.wav"]) is None


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.ENOSPC, OSError, "Expected room for 'a.txt', got a full disk"),
        (errno.EACCES, PermissionError, "Expected 'a.txt' to be a file, got .*Permiss"),
    ],
)
def test_errors_of_the_system_name_the_place(number, kind, message):
    with pytest.raises(kind, match=message), plain_os_errors("a.txt", "a file"):
        raise OSError(number, os.strerror(number))


def test_full_disk_is_named_and_leaves_nothing(tmp_path):
    def fail():
        with whole_file(tmp_path / "a.txt"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"Expected room for .*a\.txt', got a full disk"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_folder_is_made_unless_a_file_is_there(tmp_path, monkeypatch):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"a folder, got the file .*file"):
        make_folder(tmp_path / "file")
    with pytest.raises(NotADirectoryError, match="folder that can be written to, got"):
        make_folder(tmp_path / "file" / "below")
    monkeypatch.setattr(outputs.os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="Name another one"):
        make_folder(tmp_path / "a")


def test_a_folder_that_is_there_need_not_be_writable(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs.os, "access", lambda *_: False)
    assert have_folder(tmp_path) == tmp_path
    assert have_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"a folder, got the file .*file"):
        have_folder(tmp_path / "file")
    with pytest.raises(NotADirectoryError, match="folder that can be written to, got"):
        have_folder(tmp_path / "file" / "below")


def test_names_that_are_too_long_are_named(tmp_path):
    with pytest.raises(OSError, match=r"a file that can be written, got .*too long"):
        check_target(tmp_path / ("a" * 300))
