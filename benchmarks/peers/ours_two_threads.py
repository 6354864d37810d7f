"""This library on two cores: the decorator, large kernels shared out by `ad.set_num_threads(2)`."""

import autodiff as ad
from benchmarks.peer import NotAttempted
from benchmarks.peers import ours
from benchmarks.peers.ours import DISK_CACHE as DISK_CACHE
from benchmarks.peers.ours import DISTRIBUTIONS as DISTRIBUTIONS
from benchmarks.peers.ours import GRADIENT as GRADIENT
from benchmarks.peers.ours import REFUSALS as REFUSALS
from benchmarks.peers.ours import note as note
from benchmarks.workload import Call, Case, Workload

CORES = 2


def warm_up() -> None:
    if hasattr(ad, "set_num_threads"):
        ad.set_num_threads(2)
    ours.warm_up()


def prepare(workload: Workload, case: Case) -> Call:
    if not hasattr(ad, "set_num_threads"):
        raise NotAttempted("this version has no set_num_threads")
    return ours.prepare(workload, case)
