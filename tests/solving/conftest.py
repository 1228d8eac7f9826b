import pytest


@pytest.fixture(scope="session")
def answers(tmp_path_factory):
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(autouse=True)
def cache_home(answers, monkeypatch):
    """These tests ask the same models again and again: they share what is cached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(answers))
    return answers
