"""SciPy's special functions by symbol: C code that kernels of either printer call.

`scipy.special.cython_special` exports C functions for use by other compilers. A kernel that
uses one refers to it by `autodiff_<name>`, which is given its address when a kernel first needs
it: so SciPy is imported by programs that need it only, and machine code holds no address of
this process.
"""

from __future__ import annotations

from functools import lru_cache

from autodiff.backends.numba.fuse import NoKernel
from autodiff.backends.numba.native import c_address, c_exports, register
from autodiff.ops.special import ARITY, SEVERAL

MODULE = "scipy.special.cython_special"
C_NAMES = {"digamma": "psi"}  # where they differ from the op's


@lru_cache(maxsize=128)
def symbol(name: str) -> str:
    """The symbol of a special function, from doubles (and an int, Cython's, always 0) to a double.

    Raises
    ------
    NoKernel
        When this SciPy exports no such function.
    """
    exports = c_exports(MODULE)
    plain = C_NAMES.get(name, name)
    wanted = f'"double ({"double, " * ARITY[name]}int __pyx_skip_dispatch)"'
    if name in SEVERAL:
        plain, wanted = SEVERAL[name][0], '"void (double, double *, double *)"'
    # Functions for several types have numbered versions.
    for candidate in (plain, *(f"__pyx_fuse_{k}{plain}" for k in range(4))):
        if candidate in exports and wanted in str(exports[candidate]):
            register(f"autodiff_{plain if name in SEVERAL else name}", c_address(exports[candidate]))
            return f"autodiff_{plain if name in SEVERAL else name}"
    raise NoKernel(f"this SciPy exports no C function {name} of doubles")


def op_of(function: str) -> str:
    """The op whose symbol names this function of SciPy's."""
    return next((op for op, (plain, _) in SEVERAL.items() if plain == function), function)
