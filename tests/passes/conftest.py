"""Models that run for real, beside other tests that do."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    """Tests run in parallel: threads that wait for one another at every operator take minutes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
