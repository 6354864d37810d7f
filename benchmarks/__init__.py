"""What a gradient costs: workloads against peers and against a hand-written limit, in one run.

Run `python -m benchmarks`; `README.md` beside this file says how to read what it prints.

* `workloads/` one file per problem: inputs, the function in plain NumPy style, the hand-written Numba kernel.
* `peers/`     one file per way to compute value and gradient: this library, other libraries, the kernel itself.
* `limits/`    what the hand-written kernels share: vectorisable elementary functions.

The folders are the lists: a file put there is run, nothing else names it. Start reading at `workload.py` and
`peer.py`, the two interfaces; then `race.py`, which lets the peers of a workload take turns.
"""
