"""Phases: complex eigenvectors and singular vectors are determined up to factors of absolute value 1.

No derivative fixes those of a Hermitian matrix: `eigh` and `svd` give the change of the vectors that has no part
along i times the vector itself (the diagonal of V' dV is 0; for singular vectors, of U' dU + V' dV). A loss that
does not depend on the phases, as abs(v), projectors and everything put together again, has the right derivative;
a loss that does has none, and is refused in reverse mode, where its cotangents show it. (JAX and TensorFlow compute
the same and do not look; PyTorch looks, too.) References: Boeddeker et al. 2017, "On the computation of complex-valued
gradients with application to statistically optimum beamforming"; Wan and Zhang 2019, "Automatic differentiation for
complex valued SVD".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import NotDifferentiableError
from autodiff.ops.batching import leading
from autodiff.ops.complex_numbers import is_complex, squared_magnitude
from autodiff.ops.families import reduce_sum
from autodiff.ops.matrices import general
from autodiff.ops.op import Active, Call, Example

TOLERANCE = 1e-3  # a loss that depends on phases is of order 1 here; rounding, of order eps times a condition number


def _checked(m: Any, squares: Any) -> Any:
    """`m`, when its diagonal is real compared with the sizes of the cotangents."""
    turning = np.abs(np.diagonal(m, 0, -2, -1).imag)
    if np.any(turning > TOLERANCE * np.sqrt(squares)):
        k = int(np.argmax(np.max(turning.reshape(-1, turning.shape[-1]), 0)))
        rate = turning[..., k].max()
        raise NotDifferentiableError(
            f"the loss depends on the phase of complex vector {k} of eigh or svd, which nothing determines: a matrix "
            f"has the same vectors times any exp(i t), and the loss changes with t at the rate {rate:.3g}",
            "use abs(v), products such as v @ v.conj().T, or fix the phase: v * np.exp(-1j * np.angle(v[0]))",
        )
    return m


def _identity_rule(ct: Any, y: Any, operands: Sequence[Any], active: Active) -> list[Any]:
    return [ct, None]


_REAL_DIAGONAL = general(3, 3) + 1j * (general(3, 3) * (1 - np.eye(3)))

# The first operand, as it is; the second are the squared sizes that its diagonal is compared with.
phase_checked = Call(
    "phase_checked",
    _checked,
    lambda m, squares: m,
    rule=_identity_rule,
    tangent=lambda tangents, y, operands: tangents[0],
    axes=lambda d, operands, result: operands[0],
    batching=leading,
    takes_complex=True,
    examples=(Example((_REAL_DIAGONAL, np.ones(3))), Example((np.stack([_REAL_DIAGONAL] * 12), np.ones((12, 3))))),
)


def phase_free(m: Any, *cts: Any) -> Any:
    """`m` = V' ct_v of a loss of vectors V; an error when it runs on a loss that depends on their phases."""
    if not is_complex(m):
        return m
    total = None
    for ct in cts:
        squares = reduce_sum(squared_magnitude(ct), axes=(ct.aval.ndim - 2,))
        total = squares if total is None else total + squares
    return phase_checked(m, total)
