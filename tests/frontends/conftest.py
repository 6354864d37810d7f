"""What the tests of the front ends share."""

import pytest

from autodiff.config import config


@pytest.fixture
def interpreted(monkeypatch):
    """Tapes answer from the interpreter only: nothing gets hot, so nothing is compiled."""
    monkeypatch.setattr(config, "hot_after", 10**9)
