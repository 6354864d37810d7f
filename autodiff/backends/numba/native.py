"""From LLVM text to machine code in this process, by llvmlite alone.

`compiled` makes object code, which is plain data and can be stored; `MachineCode` loads it, each into an
engine of its own, so that dropping a kernel gives its memory back. What code refers to, BLAS, the formulas,
Python's functions, it refers to by name: no text and no object code holds an address of this process.
`register` gives the names their addresses, `provide` does that for code that is about to be loaded.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding.newpassmanagers import NewPassManager

from autodiff.backends.numba.versions import is_current, name_of
from autodiff.backends.store import Entry, store
from autodiff.config import config
from autodiff.logs import say

ROUTINES = {
    "scipy.linalg.cython_blas": ("gemm", "gemv", "trsm", "trsv"),
    "scipy.linalg.cython_lapack": ("gesv", "potrf"),
}
OWN = "autodiff_"  # begins the names of what is ours, and of SciPy's functions
FORMULA = "autodiff_formula_"


@lru_cache(maxsize=1)
def _initialized() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


@lru_cache(maxsize=1)
def cpu() -> tuple[str, str]:
    """Name and features of the CPU that code is made for."""
    features = llvm.get_host_cpu_features()
    # LLVM halves the vectors of AVX-512 CPUs unless told otherwise; kernels are all loop, so take the full width.
    wide = ",-prefer-256-bit" if features.get("avx512f") else ""
    return llvm.get_host_cpu_name(), features.flatten() + wide


def target_machine(level: int = 3) -> Any:
    """A machine code generator for this CPU; an engine takes ownership of its own."""
    name, features = cpu()
    return _initialized().create_target_machine(cpu=name, features=features, opt=level, jit=True)


# ---- names ---------------------------------------------------------------------------------------


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


class MissingSymbol(Exception):
    """Machine code refers to a function that this process does not have."""


def provide(names: Iterable[str]) -> None:
    """Make known what machine code refers to; must be called before it is loaded.

    Raises
    ------
    MissingSymbol
        When there is no such thing here. (LLVM would end the process.)
    """
    formulas = [name for name in names if name.startswith(FORMULA)]
    if formulas:
        importlib.import_module("autodiff.backends.numba.formula_code").provide(formulas)
    for name in names:
        if not llvm.address_of_symbol(name):
            _find(name)


def _find(name: str) -> None:
    """Make one function known, by whose it is."""
    if name.startswith(OWN):
        plain = name.removeprefix(OWN)
        if plain[1:] in {routine for names in ROUTINES.values() for routine in names}:
            register_routines()
        elif plain.startswith("PyExc_"):
            register(name, ctypes.cast(getattr(ctypes.pythonapi, plain), ctypes.c_void_p).value or 0)
        elif plain.startswith("pool"):
            importlib.import_module("autodiff.backends.numba.large")  # which registers its table
        elif plain == "blocks":
            importlib.import_module("autodiff.backends.numba.dispatcher").load()
        else:
            special = importlib.import_module("autodiff.backends.numba.special_symbols")
            try:
                special.symbol(special.op_of(plain))
            except (special.NoKernel, KeyError) as error:
                raise MissingSymbol(name) from error
    elif hasattr(ctypes.pythonapi, name):
        register(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0)
    if not llvm.address_of_symbol(name):
        raise MissingSymbol(name)


# ---- code ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ObjectCode:
    """Machine code before it is loaded; `needs` are the names it refers to."""

    data: bytes
    needs: tuple[str, ...]


def compiled(text: str, quick: bool = False) -> ObjectCode:
    """Optimised for the loops, or, `quick`, for time to compile (which then grows linearly)."""
    start = time.perf_counter()
    with _parsed(text) as (module,):
        module.verify()
        machine = target_machine(1 if quick else 3)
        _optimise(module, machine, quick)
        return _emitted(machine, module, text, start)


def _optimise(module: Any, machine: Any, quick: bool = False) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=1 if quick else 2)
    options.loop_vectorization = options.slp_vectorization = not quick
    builder = llvm.create_pass_builder(machine, options)
    passes = builder.getModulePassManager()
    passes.run(module, builder)
    _dispose(passes)


def finished(text: str, rest: str | None = None) -> ObjectCode:
    """The object code of loops that are vector code already: only their variables are made registers.

    `rest` is more text of the same program, which is optimised.
    """
    start = time.perf_counter()
    with _parsed(text, *([rest] if rest else ())) as (module, *others):
        module.verify()
        machine = target_machine(2)
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options())
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.run(module, builder)
        _dispose(passes)
        for other in others:
            other.verify()
            _optimise(other, machine)
            module.link_in(other)
        return _emitted(machine, module, text + (rest or ""), start)


def straight(text: str, level: int = 1) -> ObjectCode:
    """The object code of straight-line functions, which are written as they should be: no passes run."""
    with _parsed(text) as (module,):
        return _emitted(target_machine(level), module, text, time.perf_counter())


@contextmanager
def _parsed(*texts: str) -> Iterator[list[Any]]:
    """The texts as modules of a context of their own: what LLVM's global one has seen once, it keeps.

    They are closed here, not by the collector of garbage, which may close the context before the modules.
    """
    context = llvm.create_context()
    with ExitStack() as stack:
        yield [stack.enter_context(llvm.parse_assembly(text, context)) for text in texts]


def _emitted(machine: Any, module: Any, text: str, start: float) -> ObjectCode:
    needs = [f.name for f in (*module.functions, *module.global_variables) if f.is_declaration]
    optimised = time.perf_counter()
    code = ObjectCode(machine.emit_object(module), tuple(n for n in needs if not n.startswith("llvm.")))
    if "compile" in config.logs:
        spent = [1e3 * t for t in (optimised - start, time.perf_counter() - optimised)]
        say("compile", "%.0f KiB of LLVM optimised in %.1f ms, emitted in %.1f ms", len(text) / 1024, *spent)
        say("compile", "%.1f KiB of machine code", len(code.data) / 1024)
    return code


def _dispose(passes: Any) -> None:
    """Free the passes and their tables, 0.2 MiB each time.

    In llvmlite 0.45 to 0.50 a pass manager's own way to do so is hidden by one that does nothing.
    """
    if type(passes)._dispose is llvm.ffi.ObjectRef._dispose and hasattr(NewPassManager, "_dispose"):
        NewPassManager._dispose(passes)
        passes.detach()


def kept(name: str, make: Callable[[], ObjectCode]) -> ObjectCode:
    """Object code that is no kernel's, from disk when it is there; else made, and stored."""
    disk, name_here = store(), None
    if disk is not None:
        name_here = name_of("code", name)
    if disk is None or name_here is None:
        return make()
    entry = disk.read(name_here)
    if entry is not None:
        return ObjectCode(entry.code, tuple(entry.header["needs"]))
    code = make()
    if is_current():
        disk.write(name_here, Entry({"needs": code.needs}, code.data))
    return code


class MachineCode:
    """Code in this process, alive as long as this object: `address` of the function asked for.

    The engine closes itself, and gives its memory back, when this object goes.

    Parameters
    ----------
    code : object code; or LLVM text, or what makes it
        Of text, the object code is stored on disk; what makes text is called only if it is not there, so it must be
        a function of the package's own that needs no arguments.
    """

    def __init__(self, code: ObjectCode | str | Callable[[], str], symbol: str, quick: bool = False) -> None:
        if not isinstance(code, ObjectCode):
            code = _of_text(code, quick)
        provide(code.needs)
        # Of the global context, which outlives the engine: in a cycle of garbage another one may go before it.
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
        self._engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code.data))
        self._engine.finalize_object()
        self.address: int = self.address_of(symbol)

    def address_of(self, symbol: str) -> int:
        """Where a function of the code is."""
        found: int = self._engine.get_function_address(symbol)
        return found


def _of_text(text: str | Callable[[], str], quick: bool) -> ObjectCode:
    if isinstance(text, str):
        return kept(f"{quick} {text}", lambda: compiled(text, quick))
    return kept(f"{quick} {text.__module__}.{text.__qualname__}", lambda: compiled(text(), quick))


def _free_in_children() -> None:
    """Have forks wait for other threads' calls of LLVM: a child would wait for its lock, held by nobody, for ever."""
    lock = getattr(llvm.ffi.lib, "_lock", None)
    if lock is None or not hasattr(os, "register_at_fork"):
        return

    def release() -> None:
        lock.__exit__(None, None, None)

    os.register_at_fork(before=lock.__enter__, after_in_parent=release, after_in_child=release)


_free_in_children()
