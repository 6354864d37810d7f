"""Imports between the parts of the package point down, and stand at the top of the file.

`LAYERS` lists them from the top: a part may import from its own line and from lines below, and parts that `|` separates
may not import each other. The last tests plant violations and see the checker find them.
"""

import ast
import pathlib
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import autodiff

LAYERS = """
    nn optimizers data applications interop notebook
    api coverage testing
    frontends numpy scipy math linalg
    runtime
    backends | transforms
    passes
    ops
    ir
    errors config cpus logs records
"""

# Third-party packages that cost 0.1 to 1.5 s to import: the module that owns one may import it when first needed.
LAZY = {"numba", "llvmlite", "scipy", "sklearn", "matplotlib", "tqdm"}
# Parts of the standard library that cost 1 to 10 ms, and that few programs or only the first call need.
LAZY |= {"difflib", "hashlib", "pathlib", "random", "sysconfig"}

PACKAGE = "autodiff"
ROOT = pathlib.Path(autodiff.__file__).parent
# Files of the package itself, such as __init__.py, which names everything public: above all layers.
ABOVE = {"__init__", "__main__"}


@dataclass(frozen=True)
class Import:
    module: str  # the importing file, e.g. autodiff.ir.core
    name: str  # what it imports, e.g. autodiff.errors
    place: str  # file:line
    in_function: bool


def imports(root: pathlib.Path) -> Iterator[Import]:
    """Yield every import statement below `root`, once per imported module."""
    for path in sorted(root.rglob("*.py")):
        module = ".".join((PACKAGE, *path.relative_to(root).with_suffix("").parts))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        deferred = {id(node) for function in functions for node in ast.walk(function)}
        for node in ast.walk(tree):
            for name in imported_names(node, module):
                yield Import(module, name, f"{path.relative_to(root)}:{node.lineno}", id(node) in deferred)


def imported_names(node: ast.AST, module: str) -> list[str]:
    """Return the dotted names that one statement imports; relative ones are resolved from `module`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = module.split(".")[: -node.level] if node.level else []
    base = ".".join([*above, *([node.module] if node.module else [])])
    # `from autodiff import ir` imports the part ir, not the whole package.
    return [f"{base}.{alias.name}" for alias in node.names] if base == PACKAGE else [base]


def part(module: str) -> str:
    """Return the part of the package a dotted name belongs to: ir for autodiff.ir.core, nothing for autodiff."""
    return [*module.split("."), ""][1]


def ranks(layers: str) -> dict[str, tuple[int, int]]:
    """Map each part to its layer, counted from the top, and to its group among the parts that `|` separates."""
    return {
        name: (rank, group)
        for rank, line in enumerate(layers.strip().splitlines())
        for group, names in enumerate(line.split("|"))
        for name in names.split()
    }


def layer_violations(root: pathlib.Path, layers: str = LAYERS) -> list[str]:
    """Return one line for each import that points up, sideways across a `|`, or at the whole package."""
    known, bad = ranks(layers), []
    for item in imports(root):
        source, target = part(item.module), part(item.name)
        if source in ABOVE or item.name.split(".")[0] != PACKAGE:
            continue
        if target not in known:
            # `import autodiff as ad`, or a public name of it: for user code only, which is the top layer.
            allowed = known[source][0] == 0
        else:
            rank, group = known[source]
            allowed = known[target][0] > rank or known[target] == (rank, group)
        if not allowed:
            bad.append(f"{item.place}: {source} may not import {item.name}")
    return bad


def deferred_violations(root: pathlib.Path) -> list[str]:
    """Return one line for each import inside a function body that is not of a heavy third-party package."""
    return [
        f"{item.place}: {item.name} is imported inside a function; move it to the top of the file"
        for item in imports(root)
        if item.in_function and item.name.split(".")[0] not in LAZY
    ]


def test_every_part_has_a_layer():
    parts = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))} - ABOVE
    assert parts <= set(ranks(LAYERS)), "add new parts of the package to LAYERS"


def test_imports_point_down():
    assert layer_violations(ROOT) == []


def test_imports_stand_at_the_top():
    assert deferred_violations(ROOT) == []


# ----- The checker itself -----


def plant(root: pathlib.Path, **files: str) -> pathlib.Path:
    """Write a package of one-line files; `ir__core` names ir/core.py."""
    for name, text in files.items():
        path = root / (name.replace("__", "/", 1) + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def test_checker_accepts_what_is_allowed(tmp_path):
    plant(
        tmp_path,
        errors="import numpy",
        ir__core="from autodiff.errors import AutodiffError\nfrom . import aval\nfrom .aval import ArrayAval",
        ops__sin="from autodiff import errors, ir\nfrom ..ir.core import Block",
        backends__numba="import autodiff.ir.core\ndef f():\n    import numba.core\n    from scipy import linalg",
        nn__layers="import autodiff as ad\nfrom autodiff import GradientTape\nfrom autodiff.data import Dataset",
    )
    assert layer_violations(tmp_path) == []
    assert deferred_violations(tmp_path) == []


def test_checker_catches_each_violation(tmp_path):
    plant(
        tmp_path,
        ir__up="from autodiff.ops import sin",
        ir__relative="from ..passes.cse import cse",
        ir__plain="import autodiff.runtime.tiers",
        ir__from="from autodiff import backends",
        ir__whole="import autodiff as ad",
        ir__public="from autodiff import grad",
        ir__deferred="def f():\n    from autodiff.api import grad",
        ir__typing="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from autodiff.api import grad",
        backends__sideways="from autodiff.transforms import reverse",
        transforms__sideways="from autodiff.backends import numba",
    )
    assert [line.split(":")[0] for line in layer_violations(tmp_path)] == [
        "backends/sideways.py",
        "ir/deferred.py",
        "ir/from.py",
        "ir/plain.py",
        "ir/public.py",
        "ir/relative.py",
        "ir/typing.py",
        "ir/up.py",
        "ir/whole.py",
        "transforms/sideways.py",
    ]


def test_checker_catches_deferred_imports(tmp_path):
    plant(
        tmp_path,
        ops__a="def f():\n    import json",
        ops__b="class A:\n    def f(self):\n        if self:\n            from autodiff.ir import core",
    )
    assert [line.split(":")[:2] for line in deferred_violations(tmp_path)] == [["ops/a.py", "2"], ["ops/b.py", "4"]]


def test_layers_are_the_ones_documented():
    table = ranks(LAYERS)
    assert table["nn"] == table["notebook"] == (0, 0)
    assert table["backends"] == (4, 0)
    assert table["transforms"] == (4, 1)
    assert table["config"] == (8, 0)
