"""The help of each command, word for word."""

import sys

import pytest

from tests.cli.golden import FOLDER, files

FILES = files()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse's layout is that of 3.11")
@pytest.mark.parametrize("name", sorted(FILES))
def test_the_help_is_the_golden_file(name):
    assert FILES[name] == (FOLDER / name).read_text(encoding="utf-8"), (
        "run python -m tests.cli.golden, and read what it changes"
    )


def test_there_is_a_file_for_each_command_and_no_other():
    assert {path.name for path in FOLDER.iterdir()} == FILES.keys()
