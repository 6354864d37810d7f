"""Kernels of NPBench, as NumPy users publish them: loops, slices, writes in place. Differentiated unedited.

Run `python -m benchmarks.npbench`; the README of the benchmarks says how to read what it prints.

* `kernels/`     one file per kernel: the function, its arguments, which are differentiated, what it writes.
* `jax_kernels/` the same in JAX, where that is a short program.
* `kernel.py`    what a kernel file holds, and the scalar that is made of its outputs: start reading here.
* `oracle.py`    the derivative along a direction without any differentiator.
* `timing.py`    one kernel in the process of one library; `report.py` prints what came of it.

The suite is that of Ziogas, Ben-Nun, Schneider and Hoefler, "NPBench: a benchmarking suite for high-performance NumPy"
(ICS 2021); most of its dense linear algebra and its stencils are those of PolyBench (Pouchet 2012). The files here are
written from the mathematics in the style of the suite. Left out, for they have no derivative: `crc16`, `nussinov`
(integers), and `mandelbrot2`, which computes what `mandelbrot1` does.
"""
