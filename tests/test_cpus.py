"""CPUs granted by control groups, read from planted trees."""

import pytest

from autodiff import cpus


@pytest.fixture
def plant(tmp_path, monkeypatch):
    def planted(own, files, affinity=64):
        (tmp_path / "own").write_text(own, encoding="utf-8")
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")
        monkeypatch.setattr(cpus, "OWN_GROUPS", tmp_path / "own")
        monkeypatch.setattr(cpus, "GROUPS", tmp_path / "groups")
        monkeypatch.setattr(cpus.os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
        return cpus.usable_cpus()

    return planted


def test_no_control_groups(plant):
    assert plant("", {}) == 64


@pytest.mark.parametrize(
    ("text", "count"),
    [("max 100000", 64), ("400000 100000", 4), ("250000 100000", 3), ("1000 100000", 1), ("nonsense", 64), ("1 0", 64)],
)
def test_version_2(plant, text, count):
    assert plant("0::/a/b\n", {"a/b/cpu.max": text}) == count


def test_the_tightest_of_the_groups_above(plant):
    assert plant("0::/a/b\n", {"a/b/cpu.max": "800000 100000", "a/cpu.max": "200000 100000"}) == 2


def test_a_container_sees_its_own_group_as_the_root(plant):
    assert plant("0::/docker/123\n", {"cpu.max": "300000 100000"}) == 3


@pytest.mark.parametrize(("quota", "count"), [("-1\n", 64), ("500000\n", 5)])
def test_version_1(plant, quota, count):
    files = {"cpu/a/cpu.cfs_quota_us": quota, "cpu/a/cpu.cfs_period_us": "100000\n"}
    assert plant("3:cpuset:/\n1:cpu,cpuacct:/a\n", files) == count


def test_affinity_may_be_tighter(plant):
    assert plant("0::/\n", {"cpu.max": "400000 100000"}, affinity=2) == 2
