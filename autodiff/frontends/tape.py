"""`GradientTape`: record what runs inside a `with` block, then ask for gradients.

A tape keeps a list of instructions (the linear IR, operands being tensors) and the set of
values it watches. An instruction is taken when one of its operands is watched; its results
are then watched too. What is not watched is a constant, whoever asks for its gradient later.
How derivatives are computed from the list is for `frontends/answers.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff.errors import (
    DTypeError,
    LateWatchWarning,
    TapeError,
    TapeStateError,
    describe_location,
    user_location,
)
from autodiff.frontends import answers, tapes
from autodiff.frontends import trees as optree
from autodiff.frontends.arguments import (
    check_rows,
    check_targets,
    cotangents_of,
    described,
    differentiable,
    leaves_of,
    sources_of,
    wants_zeros,
)
from autodiff.frontends.array import ArrayMethods
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.storage import freeze
from autodiff.frontends.tensor import Tensor, constant
from autodiff.frontends.variable import Variable
from autodiff.ir.aval import is_differentiable
from autodiff.ir.core import Instr
from autodiff.ops.arithmetic import identity
from autodiff.transforms.jacobian import diagonal_blocks


class UnconnectedGradients:
    """What `gradient` gives for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


class GradientTape:
    """Records operations for differentiation.

    Parameters
    ----------
    persistent : bool
        Keep the recording after `gradient`, which may then be asked again.
    watch_accessed_variables : bool
        Watch every trainable `Variable` that is read inside the block.

    Examples
    --------
    >>> import autodiff as ad
    >>> x = ad.constant(3.0)
    >>> with ad.GradientTape() as tape:
    ...     x = tape.watch(x)
    ...     y = x**2
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watch_accessed = watch_accessed_variables
        self._entered = False
        self._recording = False
        self._consumed = False
        self._consumed_at: tuple[str, int] | None = None
        self._among: list[Any] = []  # the thread's tapes, of which this is one while it records
        self._clear()

    def _clear(self) -> None:
        self._instrs: list[Instr] = []
        self._watched: set[Any] = set()
        # Per variable: itself, and the tensors that reads of it returned.
        self._variables: dict[int, tuple[Variable, list[Any]]] = {}
        self._explicit: set[int] = set()
        self._since = tapes.clock.now  # uses of unwatched values before that are not this tape's

    def __repr__(self) -> str:
        state = "recording" if self._recording else "consumed" if self._consumed else "idle"
        return f"GradientTape({len(self._instrs)} operations, {len(self._variables)} variables, {state})"

    # ---- life cycle -----------------------------------------------------------------------

    def __enter__(self) -> GradientTape:
        if self._recording:
            raise TapeStateError("this tape is already recording", "enter it once; make a second tape for nesting")
        if self._consumed:
            # Everything went at consumption, but for the names of the variables. What is
            # watched now was watched since, for this block.
            self._variables = {key: entry for key, entry in self._variables.items() if entry[1]}
            self._consumed = False
        self._entered = True
        self._since = tapes.clock.now
        self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._recording:
            self._stop()

    def _start(self) -> None:
        self._recording = True
        self._among = tapes.start(self)

    def _stop(self) -> None:
        self._recording = False
        tapes.stop(self, self._among)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Do not record inside this `with` block: what runs there is constant for the tape.

        Raises
        ------
        TapeError
            When the tape is not recording.
        """
        if not self._recording:
            raise TapeError("stop_recording() on a tape that is not recording", "use it inside the tape's with block")
        self._stop()
        try:
            yield
        finally:
            if not self._consumed:
                self._start()

    def reset(self) -> None:
        """Forget everything recorded and watched."""
        self._clear()
        self._consumed = False

    # ---- watching -------------------------------------------------------------------------

    def watch(self, tensor: Any) -> Any:
        """Watch a tensor, a variable, or a nested structure of them, from now on.

        Returns its argument; a NumPy array is replaced by a tensor, which is the one watched.

        Raises
        ------
        DTypeError
            For integers, booleans, Python numbers and anything that is not an array.
        """
        late: list[Any] = []
        watched = optree.tree_map(lambda x: self._watch_one(x, late), tensor, none_is_leaf=True)  # type: ignore[arg-type]
        if late:
            warnings.warn(
                f"{len(late)} of the values now watched (the first of shape {late[0].shape}) had been used on this "
                "tape before: what was computed from them stays constant. Call watch() before the first use",
                LateWatchWarning,
                stacklevel=2,
            )
        return watched

    def _watch_one(self, x: Any, late: list[Any]) -> Any:
        if isinstance(x, np.ndarray):
            x = constant(x)
        if not isinstance(x, ArrayMethods):
            raise DTypeError(f"watch: cannot watch {described(x)}", "wrap it first: x = ad.constant(...)")
        if not is_differentiable(x.dtype):
            raise DTypeError(f"watch: dtype {x.dtype} is not differentiable", "cast to float: x.astype(float)")
        value = x.peek() if isinstance(x, Variable) else lift(x)
        freeze(x)
        if value not in self._watched and self._was_used(value):
            late.append(x)
        if isinstance(x, Variable):
            self._explicit.add(id(x))
            self.read(x, value)
        else:
            self._watched.add(value)
        return x

    def _was_used(self, x: Any) -> bool:
        """Whether an unwatched value was used; uses on record get a stand-in, for they stay constant."""
        places = [k for k, instr in enumerate(self._instrs) if any(o is x for o in instr.operands)]
        if places:
            stand_in = identity(x)
            for k in places:
                self._instrs[k] = _with_operand(self._instrs[k], x, stand_in)
        return bool(places) or (isinstance(x, Tensor) and x.used_at > self._since)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables watched so far, in order of construction."""
        found = [variable for variable, _ in self._variables.values()]
        return tuple(sorted(found, key=lambda v: v.serial))

    def watches(self, x: Any) -> bool:
        """Whether a value is on this tape."""
        return x in self._watched  # a recorded value, not what an array holds by now

    def read(self, variable: Variable, tensor: Any) -> None:
        """A variable was read while this tape records (called by the variable)."""
        entry = self._variables.get(id(variable))
        if entry is None or tensor not in self._watched:
            wanted = (self._watch_accessed and variable.trainable) or id(variable) in self._explicit
            if wanted and is_differentiable(variable.dtype):
                entry = entry or self._variables.setdefault(id(variable), (variable, []))
                entry[1].append(tensor)
                self._watched.add(tensor)

    def offer(self, instr: Instr) -> bool:
        """An instruction ran while this tape records; keep it if it reads a watched value."""
        if self._watched.isdisjoint(instr.operands):
            tapes.clock.now += 1
            for operand in instr.operands:
                if type(operand) is Tensor:
                    operand.used_at = tapes.clock.now
            return False
        self._instrs.append(instr)
        self._watched.update(instr.results)
        return True

    # ---- gradients ------------------------------------------------------------------------

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none"
    ) -> Any:
        """Gradient of the sum of `target` with respect to `sources`.

        Parameters
        ----------
        target : tensor or nested structure of tensors
            Several are added up.
        sources : tensor, variable, or nested structure of them
            Anything on the tape; results computed inside the block too.
        output_gradients : structure of `target`, optional
            Cotangents of the target: arrays of the targets' shapes; None means ones.
        unconnected_gradients : {"none", "zero"}
            What a source gets that no target depends on.

        Returns
        -------
        Tensors in the structure of `sources`, with each source's shape and dtype.

        Raises
        ------
        TapeError
            When the tape was never entered, or is consumed and not persistent.
        DTypeError, ShapeError, ArgumentError
            For arguments that cannot be used; the tape is then not consumed.
        """
        self._check_usable("gradient")
        zero = wants_zeros(unconnected_gradients)
        targets, target_spec = leaves_of(target, "target")
        found_sources, source_spec = sources_of(sources)
        cotangents = cotangents_of(output_gradients, targets, target_spec)
        targets, cotangents = differentiable(targets, cotangents)
        grads = self._used(lambda: self._gradients(targets, cotangents, found_sources))
        filled = [
            constant(np.zeros(s.shape, s.dtype)) if g is None and zero else g
            for g, s in zip(grads, found_sources, strict=True)
        ]
        return filled[0] if source_spec is None else optree.tree_unflatten(source_spec, filled)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,  # noqa: ARG002 - TensorFlow's, for its loops; there are none here
        experimental_use_pfor: bool = True,  # noqa: ARG002 - the same
    ) -> Any:
        """Derivative of every element of `target` with respect to every element of `sources`.

        Parameters
        ----------
        target : tensor or nested structure of tensors
        sources : tensor, variable, or nested structure of them
        unconnected_gradients : {"none", "zero"}
            What a source gets that the target does not depend on.
        parallel_iterations, experimental_use_pfor
            No effect: all directions are computed at once, by one program.

        Returns
        -------
        The structure of `target`; in place of each tensor, the structure of `sources`; in place
        of each source, a tensor of shape `target.shape + source.shape` and the source's dtype.

        Raises
        ------
        TapeError, DTypeError, ArgumentError
            As `gradient`, of which this is one use.

        Examples
        --------
        >>> import autodiff as ad
        >>> x = ad.Variable([1.0, 2.0])
        >>> with ad.GradientTape() as tape:
        ...     y = x**2
        >>> print(tape.jacobian(y, x))
        [[2. 0.]
         [0. 4.]]
        """
        self._check_usable("jacobian")
        zero = wants_zeros(unconnected_gradients)
        targets, target_spec = leaves_of(target, "target")
        found_sources, source_spec = sources_of(sources)
        check_targets(targets, "jacobian")
        table = self._used(lambda: [self._jacobians(t, found_sources) for t in targets])
        filled = [
            [
                constant(np.zeros(t.shape + s.shape, s.dtype)) if j is None and zero else j
                for j, s in zip(of_target, found_sources, strict=True)
            ]
            for t, of_target in zip(targets, table, strict=True)
        ]
        nested = [f[0] if source_spec is None else optree.tree_unflatten(source_spec, f) for f in filled]
        return nested[0] if target_spec is None else optree.tree_unflatten(target_spec, nested)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Derivative of each row of `target` with respect to the same row of `source`.

        Parameters
        ----------
        target : tensor of shape (b, ...), of two axes at least
        source : tensor or variable of shape (b, ...), of two axes at least; or a nested structure of them
        unconnected_gradients, parallel_iterations, experimental_use_pfor
            As in `jacobian`.

        Returns
        -------
        Tensors of shape `(b,) + target.shape[1:] + source.shape[1:]`, in the structure of `source`.
        They are the blocks on the diagonal of the Jacobian, also where a row of the target depends on
        other rows of the source.

        Raises
        ------
        ShapeError
            When there are fewer axes, or the first ones differ in size.
        TapeError, DTypeError, ArgumentError
            As `jacobian`.

        Examples
        --------
        >>> import autodiff as ad
        >>> x = ad.Variable([[1.0, 2.0], [3.0, 4.0]])
        >>> with ad.GradientTape() as tape:
        ...     y = x**2
        >>> print(tape.batch_jacobian(y, x))
        [[[2. 0.]
          [0. 4.]]
        <BLANKLINE>
         [[6. 0.]
          [0. 8.]]]
        """
        check_rows(target, source)
        n = target.shape[0]
        found = self.jacobian(target, source, unconnected_gradients, parallel_iterations, experimental_use_pfor)
        rest = target.ndim
        return optree.tree_map(lambda j: diagonal_blocks(j, n, rest), found)

    def _used(self, compute: Callable[[], Any]) -> Any:
        """The result of one use of the tape; recording stops for it, and it is consumed if it is not persistent."""
        inside = self._recording and not self._persistent
        if inside:
            self._stop()
        try:
            found = compute()
        except BaseException:
            if inside:
                self._start()
            raise
        if not self._persistent:
            self._consume()
        return found

    def _consume(self) -> None:
        self._consumed = True
        self._consumed_at = user_location()
        kept = self._variables
        self._clear()
        self._variables = {key: (v, []) for key, (v, _) in kept.items()}

    def _check_usable(self, asked: str) -> None:
        if not self._entered:
            raise TapeError(f"{asked}() on a tape that was never entered", "record inside `with tape:` first")
        if self._consumed:
            raise TapeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians); "
                f"it was consumed at {describe_location(self._consumed_at) or 'an earlier call'}",
                "use GradientTape(persistent=True), or ask for all gradients in one call",
            )

    def _gradients(self, targets: list[Any], cotangents: list[Any], sources: list[Any]) -> list[Any]:
        targets, groups = self._values(targets, sources)
        return answers.gradients(self._instrs, targets, cotangents, groups)

    def _jacobians(self, target: Any, sources: list[Any]) -> list[Any]:
        """The Jacobian of one target with respect to each source, None where unconnected."""
        (target,), groups = self._values([target], sources)
        return answers.jacobians(self._instrs, target, groups)

    def _values(self, targets: list[Any], sources: list[Any]) -> tuple[list[Any], list[list[Any]]]:
        """The targets' values, and for each source the values on the tape that it stands for."""
        # A variable as a target is its current value, read or not.
        current = {id(t): t.peek() for t in targets if isinstance(t, Variable)}
        if current:
            targets = [current.get(id(t), t) for t in targets]
        reached = set(targets)
        return targets, [self._parts(s, reached, current) for s in sources]

    def _parts(self, source: Any, targets: set[Any], current: dict[int, Any]) -> list[Any]:
        """The values on the tape that a source stands for; none when it was not watched."""
        if not isinstance(source, Variable):
            return [source] if source in self._watched or source in targets else []
        parts = list(self._variables.get(id(source), (source, []))[1])
        value = current.get(id(source))
        return parts if value is None or any(p is value for p in parts) else [*parts, value]


def _with_operand(instr: Instr, old: Any, new: Any) -> Instr:
    operands = tuple([new if o is old else o for o in instr.operands])
    return Instr(instr.op, operands, instr.params, instr.results, instr.blocks, instr.location)
