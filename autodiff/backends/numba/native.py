"""From LLVM text to machine code in this process, by llvmlite alone.

One engine per kernel, so that dropping a kernel gives its memory back. Functions that kernels
call (BLAS, Python's and the C library's) are found by name; `register` gives their addresses.
"""

from __future__ import annotations

import ctypes
import importlib
import threading
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm

_lock = threading.Lock()
ROUTINES = {
    "scipy.linalg.cython_blas": ("gemm", "gemv", "trsm", "trsv"),
    "scipy.linalg.cython_lapack": ("gesv", "potrf"),
}


@lru_cache(maxsize=1)
def _initialized() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def target_machine(level: int = 3) -> Any:
    """A machine code generator for this CPU; an engine takes ownership of its own."""
    features = llvm.get_host_cpu_features()
    # LLVM halves the vectors of AVX-512 CPUs unless told otherwise; kernels are all loop, so take the full width.
    wide = ",-prefer-256-bit" if features.get("avx512f") else ""
    return _initialized().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features.flatten() + wide, opt=level, jit=True
    )


def register(name: str, address: int) -> None:
    """Make a function known to machine code that is loaded from now on."""
    llvm.add_symbol(name, address)


@lru_cache(maxsize=1)
def register_routines() -> None:
    """Make SciPy's BLAS and LAPACK known to kernels, under the names `autodiff_dgemm`, ..."""
    for module, names in ROUTINES.items():
        exports = c_exports(module)
        for routine in (f"{letter}{name}" for letter in "sd" for name in names):
            register(f"autodiff_{routine}", c_address(exports[routine]))


def c_exports(module: str) -> dict[str, Any]:
    """The C functions that a Cython module offers to other compilers, as capsules."""
    return importlib.import_module(module).__pyx_capi__  # type: ignore[no-any-return]


def c_address(capsule: Any) -> int:
    """The address in a capsule."""
    name, get = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(get(capsule, name(capsule)))


class MachineCode:
    """Compiled code, alive as long as this object: `address` of the function asked for.

    The engine closes itself, and gives its memory back, when this object goes.
    """

    def __init__(self, text: str, symbol: str, quick: bool = False) -> None:
        with _lock:
            code = _object_code(text, quick)
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
            self._engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
            self.address: int = self._engine.get_function_address(symbol)


def _object_code(text: str, quick: bool) -> bytes:
    """Optimised for the loops, or, `quick`, for time to compile (which then grows linearly)."""
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=1 if quick else 3)
    options.loop_vectorization = options.slp_vectorization = not quick
    machine = target_machine(1 if quick else 3)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)  # type: ignore[no-any-return]
