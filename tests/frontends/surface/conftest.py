"""Tests of NumPy's functions are about values and derivatives: most of them compile nothing."""

import pytest

from autodiff.config import config


@pytest.fixture
def no_kernels(monkeypatch):
    monkeypatch.setattr(config, "jit", False)
