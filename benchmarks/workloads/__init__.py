"""One file per workload; `benchmarks/workload.py` says what such a file defines."""
