"""The store of machine code: from a damaged disk, or a foreign one, no kernels at all; its size and its commands."""

import errno
import logging
import os
import random
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from cached_kernels import X, bump, entry_file, environment_of, fresh, same_bits

import autodiff as ad
from autodiff.__main__ import main
from autodiff.backends import store as store_module
from autodiff.backends.store import Entry, Store
from autodiff.config import config
from autodiff.errors import CacheWarning

# ---- damage --------------------------------------------------------------------------------------


def test_no_truncated_or_changed_file_is_accepted(disk, monkeypatch):
    monkeypatch.setattr(store_module, "_complained", True)
    path = entry_file(disk)
    good = path.read_bytes()
    bad = [good[:n] for n in range(0, len(good), 64)]
    bad += [good[:n] + bytes([good[n] ^ 1 << n % 8]) + good[n + 1 :] for n in range(0, len(good), 37)]
    bad += [good + b"\0", good[:8] + bytes(32) + good[40:]]
    for data in bad:
        path.write_bytes(data)
        assert disk.read(path.stem) is None
        assert not path.exists()
    path.write_bytes(good)
    assert disk.read(path.stem) is not None


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "renamed", "other-key"])
def test_damage_is_one_warning_and_the_right_answer(disk, damage):
    path = entry_file(disk)
    good, expected = path.read_bytes(), fresh(bump, X)[0]
    other = disk.folder / f"{'0' * 40}.kernel"
    if damage == "renamed":
        disk.write(other.stem, Entry({}, b"another"))
        path.write_bytes(other.read_bytes())
    elif damage == "other-key":
        disk.key_file.unlink()
        disk._key = None
    else:
        path.write_bytes({"truncated": good[:1000], "empty": b"", "flipped": good[:-1] + bytes([good[-1] ^ 1])}[damage])
    with pytest.warns(CacheWarning, match="AUTODIFF_CACHE=0") as caught:
        found, info = fresh(bump, X)
    assert len(caught) == 1
    assert info.compiled == 1
    assert same_bits(found, expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fresh(bump, X)[1].loaded == 1  # what was damaged is replaced


@pytest.mark.parametrize("problem", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_takes_nothing(disk, monkeypatch, problem):
    def half_written(path, data):
        path.write_bytes(data[: len(data) // 2])
        raise OSError(problem, os.strerror(problem))

    monkeypatch.setattr(store_module, "write_new", half_written)
    with pytest.warns(CacheWarning, match=os.strerror(problem)) as caught:
        (value, _), _ = fresh(bump, X)
        fresh(lambda x: np.sum(np.sinh(x)), X)
    assert len(caught) == 1
    np.testing.assert_allclose(value, bump(X))
    assert not list(disk.folder.glob("*"))


def test_a_file_that_cannot_be_read(disk, monkeypatch):
    entry_file(disk)
    monkeypatch.setattr(store_module, "content", lambda path: os.open(path / "inside", os.O_RDONLY))
    with pytest.warns(CacheWarning, match="cannot be read"):
        assert fresh(bump, X)[1].compiled == 1


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners are told by number on POSIX only")
@pytest.mark.parametrize("fault", ["open-folder", "open-key", "foreign-folder", "symbolic-link", "folder-is-file"])
def test_what_is_not_the_users_alone_is_not_used(disk, monkeypatch, tmp_path, fault):
    path = entry_file(disk)
    if fault == "open-folder":
        disk.folder.chmod(0o777)
    elif fault == "open-key":
        disk.key_file.chmod(0o644)
        disk._key = None
    elif fault == "foreign-folder":
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    elif fault == "symbolic-link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        for file in disk.folder.iterdir():
            file.unlink()
        disk.folder.rmdir()
        disk.folder.write_text("")
    with pytest.warns(CacheWarning) as caught:
        (value, _), _ = fresh(lambda x: bump(x) + np.sum(np.cos(x)), X)  # one that is not there: writes
        fresh(bump, X)  # one that is: reads
    assert len(caught) == 1
    np.testing.assert_allclose(value, bump(X) + np.sum(np.cos(X)))


def test_a_user_without_a_home(disk, monkeypatch):
    def homeless():
        raise RuntimeError("no home directory")

    monkeypatch.setattr(config, "cache_dir", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", homeless)
    with pytest.warns(CacheWarning, match="no home"):
        assert fresh(bump, X)[1].compiled == 1


def test_a_writer_that_is_killed_leaves_whole_files(tmp_path):
    code = """if True:
        from autodiff.backends.store import Entry, store
        print("ready", flush=True)
        while True:
            for k in range(8):
                store().write(f"entry{k}", Entry({"k": k}, bytes([k]) * 3_000_000))
    """
    environment = environment_of(tmp_path / "cache", tmp_path / "key")
    pause = random.Random(0)
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(pause.uniform(0.02, 0.15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    disk = Store(tmp_path / "cache", tmp_path / "key")
    assert disk.verify() == []
    names = [path.stem for path, _ in disk.files()]
    assert names
    for name in names:
        entry = disk.read(name)
        assert entry.code == bytes([entry.header["k"]]) * 3_000_000
    for path in disk.folder.glob("*.part"):
        os.utime(path, (0, 0))
    disk.trim()
    assert not list(disk.folder.glob("*.part"))


# ---- size ----------------------------------------------------------------------------------------


def test_the_least_recently_used_go_first(disk, monkeypatch):
    monkeypatch.setattr(config, "cache_limit", 1)
    monkeypatch.setattr(store_module.random, "random", lambda: 1e9)  # no trim by chance
    now = time.time()
    for k in range(12):
        disk.write(f"entry{k}", Entry({}, bytes(100_000)))
        os.utime(disk._path(f"entry{k}"), (now - 9000 + k, now - 9000 + k))
    assert disk.read("entry0") is not None  # used: now the last to go
    assert disk.trim() == 3
    kept = {path.stem for path, _ in disk.files()}
    assert kept == {"entry0", *(f"entry{k}" for k in range(4, 12))}


def test_writing_keeps_the_size_near_its_limit(disk, monkeypatch):
    monkeypatch.setattr(config, "cache_limit", 1)
    chance = random.Random(3)
    monkeypatch.setattr(store_module.random, "random", chance.random)
    trims = []
    trim = Store.trim
    monkeypatch.setattr(Store, "trim", lambda self: trims.append(0) or trim(self))
    for k in range(600):
        disk.write(f"entry{k}", Entry({}, bytes(8_000)))
    assert sum(status.st_size for _, status in disk.files()) < 1.1 * 2**20
    assert 150 < len(trims) < 450  # about one for each 16 KiB


def test_commands(disk, capsys):
    path = entry_file(disk)
    assert main(["cache", "info"]) == 0
    assert str(disk.folder) in capsys.readouterr().out
    assert main(["cache", "verify"]) == 0
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["cache", "verify"]) == 1
    assert path.name in capsys.readouterr().out
    assert main(["cache", "clear"]) == 0
    assert not list(disk.folder.iterdir())
    assert main([]) == 0
    assert "cache" in capsys.readouterr().out
    config.cache = False
    assert main(["cache", "info"]) == 0
    assert "switched off" in capsys.readouterr().out


def test_logs_explain(disk, monkeypatch, caplog):
    monkeypatch.setattr(config, "logs", "cache,fusion,compile")
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(config, "cache_size", 1)
    fresh(bump, X)
    text = caplog.text
    for part in ("not on disk", "stored on disk", "1 loop nests and 0 calls", "LLVM printed in", "of machine code"):
        assert part in text
    caplog.clear()
    fresh(bump, X)
    ad.grad(lambda x: np.sum(np.sinh(x)))(X)
    assert "from disk" in caplog.text
    assert "evicted" in caplog.text
    with pytest.raises(ValueError, match="cache, fusion, compile"):
        config.logs = "everything"
