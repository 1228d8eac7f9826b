"""What a shell completes, asked of the shell itself."""

import shutil
import subprocess

import pytest

from fxflops.cli import COMMANDS, main

pytest.importorskip("shtab")


def script(shell, capsys):
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def completed(words, capsys):
    """What bash offers for the last of these words."""
    asked = (
        f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n"
        f"COMPREPLY=(); $(complete -p fxflops | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    command = [shutil.which("bash"), "--norc", "-c", script("bash", capsys) + asked]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_options_and_values(capsys):
    offered = completed(["fxflops", "ch"], capsys)
    assert offered == {"check"}
    assert {"--columns", "--convention"} <= completed(["fxflops", "--co"], capsys)
    assert completed(["fxflops", "check", "--rep"], capsys) == {"--repetitions"}
    assert completed(["fxflops", "why", "--format", "mark"], capsys) == {"markdown"}


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_know_every_command(shell, capsys):
    text = script(shell, capsys)
    assert all(command in text for command in COMMANDS)


def test_without_shtab_one_line_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "fxflops: completion needs shtab: pip install 'fxflops[completion]'\n"
