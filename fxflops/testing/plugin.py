"""The pytest plugin: ``--fxflops-update``, and which test a snapshot belongs to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fxflops.testing import snapshots


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("fxflops").addoption(
        snapshots.UPDATE,
        action="store_true",
        help="write the snapshots of fxflops.testing.assert_cost anew",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Say which test runs."""
    update = bool(item.config.getoption(snapshots.UPDATE))
    snapshots.running.append(snapshots.Running(item.path, item.name, update=update))
    try:
        return (yield)
    finally:
        snapshots.running.pop()
