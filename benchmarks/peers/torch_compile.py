"""PyTorch, compiled: `torch.compile` around the function, its tape around that."""

import torch

from benchmarks.peer import few_trips
from benchmarks.peers import torch_peer
from benchmarks.peers.torch_peer import DISTRIBUTIONS as DISTRIBUTIONS
from benchmarks.peers.torch_peer import LANGUAGE
from benchmarks.peers.torch_peer import note as note
from benchmarks.workload import Call, Case, Workload

GRADIENT = True
CORES = 1
DISK_CACHE = True
REFUSALS = (NotImplementedError, torch._dynamo.exc.Unsupported)


def warm_up() -> None:
    torch_peer.warm_up()
    x = torch.ones(3, requires_grad=True)
    torch.compile(lambda z: (z * 2).sum())(x).backward()


def prepare(workload: Workload, case: Case) -> Call:
    few_trips(case, most=200)  # unrolled: 100 steps of an LSTM take a minute to compile
    torch._dynamo.reset()  # else a second case is compiled for any shape
    return torch_peer.version(workload.loss(LANGUAGE, case), workload, case, torch.compile)
