"""Where results are written: whole or not at all, and nothing is destroyed."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from fxflops.errors import SpecError
from fxflops.reports.files import require_writable, write

posix = pytest.mark.skipif(os.name != "posix", reason="devices, pipes and modes of POSIX")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@posix
@pytest.mark.parametrize("before", [0o600, 0o640, 0o755])
def test_a_file_keeps_its_mode(tmp_path, before):
    file = tmp_path / "out"
    file.write_text("old")
    file.chmod(before)
    write(str(file), "new")
    assert file.read_text() == "new"
    assert mode(file) == before


@posix
def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path):
    old = os.umask(0o027)
    try:
        write(str(tmp_path / "out"), b"\x00new")
    finally:
        os.umask(old)
    assert (tmp_path / "out").read_bytes() == b"\x00new"
    assert mode(tmp_path / "out") == 0o640


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_symlink_stays_and_its_target_is_written(tmp_path, exists):
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    target.parent.mkdir()
    if exists:
        target.write_text("old")
    link.symlink_to("there/target")
    write(str(link), "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


@posix
def test_a_device_stays_a_device():
    before = os.stat("/dev/null")
    write("/dev/null", "gone")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_rdev) == (before.st_ino, before.st_rdev)


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_device_is_one_clear_line_and_stays():
    with pytest.raises(SpecError, match=r"^Cannot write /dev/full: No space left on device\.$"):
        write("/dev/full", "too much")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@posix
def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    write(str(pipe), "through")
    reader.join(timeout=30)
    assert found == ["through"]
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


@posix
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link"])
def test_the_standard_output_is_written_to_where_it_stands(tmp_path, name):
    """Also where it is a file: what others write before and after stays."""
    if name == "link":
        name = str(tmp_path / "link")
        os.symlink("/dev/stdout", name)
    code = f"from fxflops.reports.files import write; write({name!r}, 'two\\n')"
    out = tmp_path / "out"
    command = f'(echo one; "{sys.executable}" -c "{code}"; echo three) > "{out}"'
    subprocess.run(command, shell=True, check=True)
    assert out.read_text() == "one\ntwo\nthree\n"


@posix
@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="bash alone knows >(…)")
def test_a_process_substitution_is_written_to(tmp_path):
    code = "import sys; from fxflops.reports.files import write; write(sys.argv[1], 'two')"
    command = (
        f'"{sys.executable}" -c "{code}" >(cat > out; touch done); until [ -e done ]; do :; done'
    )
    subprocess.run(["/bin/bash", "-c", command], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "out").read_text() == "two"


def test_a_failed_write_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "out"
    file.write_text("old")
    for name, error in (
        ("replace", OSError(28, "No space left on device")),
        ("replace", KeyboardInterrupt()),
    ):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(os, name, fail)
        with pytest.raises((SpecError, KeyboardInterrupt)):
            write(str(file), "new")
        monkeypatch.undo()
        assert file.read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "The output file has no name"),
        ("/nowhere/at/all.json", "there is no directory"),
        (".", "it is a directory"),
        ("a\0b", "null character"),
        ("x" * 5000, "File name too long"),
    ],
)
def test_what_cannot_be_written_is_one_clear_line(path, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=says) as error:
        write(path, "text")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anything")
def test_a_read_only_file_is_refused(tmp_path):
    file = tmp_path / "out"
    file.write_text("old")
    file.chmod(0o400)
    with pytest.raises(SpecError, match="read-only"):
        require_writable(str(file))
