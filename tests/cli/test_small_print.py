"""What commands say besides their reports, word for word."""

import inspect
import os

import pytest
from torch import Tensor, nn

from fxflops import cache
from fxflops.cli import main
from fxflops.cli.options import positive
from fxflops.errors import SpecError


class Quits(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise SystemExit


class Interrupted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyboardInterrupt


def linear():
    return nn.Linear(3, 5)


def squared():
    return Squared()


class Squared(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.cosh() @ x.t()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    directory = cache.directory()
    assert directory.startswith(str(tmp_path))
    os.makedirs(directory, mode=0o700)
    return directory


def test_the_cache_says_how_much_it_keeps_and_deletes(folder, capsys):
    def said(*words):
        assert main(["cache", *words]) == 0
        return capsys.readouterr().out

    largest = f"of at most {cache.LARGEST_CACHE / 10**6:.1f} MB, in {folder}.\n"
    assert said() == f"0 answers, 0.0 MB {largest}"
    words = [f"{__name__}:linear", "--input", "x: N 3", "--cache", "--at", "N=2"]
    assert main(words) == 0
    capsys.readouterr()
    [name] = os.listdir(folder)
    with open(os.path.join(folder, name), "ab") as file:
        file.truncate(2_340_000)
    assert said() == f"1 answer, 2.3 MB {largest}"
    assert said("--clear") == f"Deleted 1 answer in {folder}.\n"
    assert said("--clear") == f"Deleted 0 answers in {folder}.\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "N is 'x', which is no positive integer."),
        ("0", "N is '0', which is no positive integer."),
        ("٣", "N is '٣', which is no positive integer."),
        ("1" * 1001, "N has 1,001 digits: a size has at most 1,000."),
    ],
)
def test_what_is_no_size_is_named(text, said):
    with pytest.raises(SpecError) as refused:
        positive(text, "N")
    assert str(refused.value) == said


def test_a_size_may_begin_with_zeros_and_may_be_zero_where_that_is_asked():
    assert positive("007", "N") == 7
    assert positive("0", "N", least=0) == 0
    assert positive("1" * 1000, "N") == int("1" * 1000)


def test_what_a_model_raises_beyond_exceptions_is_one_line(capsys):
    assert main([f"{__name__}:Quits", "--input", "x: 2 2"]) == 2
    line = inspect.getsourcelines(Quits.forward)[1] + 1
    assert capsys.readouterr().err == (
        f"fxflops: The model raises SystemExit (tests/cli/test_small_print.py:{line} in forward). "
        "Run it without that.\n"
    )
    assert main([f"{__name__}:Interrupted", "--input", "x: 2 2"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_command_line_that_cannot_be_read_is_one_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["rtdetr_r18", "--format", "word\x1b"])
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fxflops: argument --format: invalid choice:")
    assert err.endswith(". See fxflops --help.\n")
    assert err.count("\n") == 1


def test_a_convention_not_proven_is_no_under_strict(capsys):
    words = [f"{__name__}:squared", "--input", "x: N 3", "--at", "N=2", "--convention", "fvcore"]
    assert main(words) == 0
    assert capsys.readouterr().err == ""
    assert main([*words, "--strict"]) == 1
    assert capsys.readouterr().err == (
        "fxflops: the convention of fvcore is not proven for aten.cosh.default (--strict).\n"
    )


def test_formulas_without_sizes_say_what_at_would_need(capsys):
    words = [f"{__name__}:linear", "--input", "x: B 3"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "*B" in out
    assert err == "fxflops: these are formulas: for numbers give --at B=….\n"
    for more in (["--symbolic"], ["--format", "json"], ["--format", "csv"], ["--at", "B=2"]):
        assert main([*words, *more]) == 0
        assert capsys.readouterr().err == ""
