"""What all tests share: blocks are verified whenever a pass has run, and golden files."""

import os
import pathlib
import signal

import pytest

# No test may pass thanks to a kernel of yesterday: nothing is kept on disk, here or in processes that tests start.
os.environ["AUTODIFF_CACHE"] = "0"

from autodiff.config import config  # reads the environment

GOLDEN = pathlib.Path(__file__).parent / "golden"


def pytest_configure():
    """Ctrl-C as Python has it by itself: a shell that runs the tests in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files instead of comparing")


@pytest.fixture(autouse=True, scope="session")
def _verified():
    """Verify every block that passes and transforms build."""
    before, config.verify = config.verify, True
    yield
    config.verify = before


@pytest.fixture
def no_kernels(monkeypatch):
    """Values and derivatives only: nothing is compiled."""
    monkeypatch.setattr(config, "jit", False)


@pytest.fixture
def golden(request):
    """A function `check(text, name)` that compares with tests/golden/<folder of the test>/<name>.txt."""
    folder = GOLDEN / request.path.parent.name

    def check(text: str, name: str = "") -> None:
        file = folder / f"{name or request.node.name.removeprefix('test_')}.txt"
        text = text.rstrip("\n") + "\n"
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.exists(), f"no golden file {file.name}: run with --update-golden, then read it"
        assert text == file.read_text(encoding="utf-8"), f"{file.name} differs: run with --update-golden, read the diff"

    return check
