"""The exit status and the formulas that the options of ``count`` ask for."""

import torch
from torch import Tensor, nn

from fxflops.cli import main


@torch.library.custom_op("cli_exit::mystery", mutates_args=())
def mystery(x: Tensor) -> Tensor:
    return x * x


mystery.register_fake(torch.empty_like)


class Unknown(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return mystery(x + 1)


WORDS = ["tests.cli.test_exit:Unknown", "--input", "x: N 3", "--at", "N=2"]


def test_uncounted_work_is_no_failure_unless_strict(capsys):
    assert main(WORDS) == 0
    assert "INCOMPLETE: 1 call uncounted" in capsys.readouterr().out.splitlines()[0]
    assert main([*WORDS, "--strict"]) == 1
    out, err = capsys.readouterr()
    assert "INCOMPLETE" in out
    assert err == "fxflops: 1 operator call is uncounted (--strict).\n"


def test_latex_has_formulas_and_a_table_has_them_where_they_are_asked_for(capsys):
    assert main([*WORDS, "--format", "latex"]) == 0
    assert "3 N" in capsys.readouterr().out
    assert main(WORDS) == 0
    assert "3*N" not in capsys.readouterr().out
    assert main([*WORDS, "--symbolic"]) == 0
    assert "3*N" in capsys.readouterr().out


def test_a_convention_quotes_no_past(capsys):
    assert main(["hf:LlamaForCausalLM", "--convention", "fvcore", "--past", "P"]) == 2
    assert "--convention has no past" in capsys.readouterr().err
