"""`GradientTape`: record what runs inside a `with` block, then ask for gradients.

A tape keeps a list of instructions (the linear IR, operands being tensors) and the set of
values it watches: its `Recording` (`frontends/recording.py`). How derivatives are computed
from that is for `frontends/answers.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff.errors import (
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
    differentiable,
    leaves_of,
    nested,
    sources_of,
    wants_zeros,
)
from autodiff.frontends.recording import Recording
from autodiff.frontends.tensor import constant
from autodiff.frontends.variable import Variable
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
        self._recording = Recording(watch_accessed_variables)
        self._entered = False
        self._is_recording = False
        self._consumed = False
        self._consumed_at: tuple[str, int] | None = None
        self._among: list[Any] = []  # the thread's recordings, of which this tape's is one while it records

    def __repr__(self) -> str:
        state = "recording" if self._is_recording else "consumed" if self._consumed else "idle"
        operations, variables = len(self._recording.instrs), len(self._recording.variables)
        return f"GradientTape({operations} operations, {variables} variables, {state})"

    # ---- life cycle -----------------------------------------------------------------------

    def __enter__(self) -> GradientTape:
        if self._is_recording:
            raise TapeStateError("this tape is already recording", "enter it once; make a second tape for nesting")
        if self._consumed:
            self._recording.forget_consumed()  # what is watched by now was watched since, for this block
            self._consumed = False
        self._entered = True
        self._recording.begin()
        self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._is_recording:
            self._stop()

    def _start(self) -> None:
        self._is_recording = True
        self._among = tapes.start(self._recording)

    def _stop(self) -> None:
        self._is_recording = False
        tapes.stop(self._recording, self._among)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Do not record inside this `with` block: what runs there is constant for the tape.

        Raises
        ------
        TapeError
            When the tape is not recording.
        """
        if not self._is_recording:
            raise TapeError("stop_recording() on a tape that is not recording", "use it inside the tape's with block")
        self._stop()
        try:
            yield
        finally:
            if not self._consumed:
                self._start()

    def reset(self) -> None:
        """Forget everything recorded and watched."""
        self._recording.clear()
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
        watched = optree.tree_map(lambda x: self._recording.watch(x, late), tensor, none_is_leaf=True)  # type: ignore[arg-type]
        if late:
            warnings.warn(
                f"{len(late)} of the values now watched (the first of shape {late[0].shape}) had been used on this "
                "tape before: what was computed from them stays constant. Call watch() before the first use",
                LateWatchWarning,
                stacklevel=2,
            )
        return watched

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables watched so far, in order of construction."""
        found = [variable for variable, _ in self._recording.variables.values()]
        return tuple(sorted(found, key=lambda v: v.serial))

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
        if zero:
            pairs = zip(grads, found_sources, strict=True)
            grads = [constant(np.zeros(s.shape, s.dtype)) if g is None else g for g, s in pairs]
        return nested(grads, source_spec)

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
        rows = [nested(f, source_spec) for f in filled]
        return nested(rows, target_spec)

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
        inside = self._is_recording and not self._persistent
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
        self._recording.consume()

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
        targets, groups = self._recording.values(targets, sources)
        return answers.gradients(self._recording, targets, cotangents, groups)

    def _jacobians(self, target: Any, sources: list[Any]) -> list[Any]:
        """The Jacobian of one target with respect to each source, None where unconnected."""
        (target,), groups = self._recording.values([target], sources)
        return answers.jacobians(self._recording.instrs, target, groups)
