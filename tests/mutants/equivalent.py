"""Mutants that no test can tell from the original, each with the reason. Names are those of `Mutant.name`."""

_OPS = "autodiff/ops"
_EXPONENT = f"{_OPS}/transcendental.py: _pow_exponent: return select(positive, z * log(select(positive, x, 1.0)), 0.0)"
_REAL = f"{_OPS}/complex_numbers.py: real: rule=lambda ct, y, operands, active: [combine(ct, zeros_like(ct.aval))],"
_IMAG = f"{_OPS}/complex_numbers.py: imag: rule=lambda ct, y, operands, active: [combine(zeros_like(ct.aval), ct)],"

EQUIVALENT: dict[str, str] = {
    f"{_EXPONENT} [52] 1.0 -> 2.0": "any number with a logarithm will do in lanes that are not taken",
    f"{_EXPONENT} [32] select(positive, x, 1.0) -> x": "the outer select masks these lanes, in derivatives too",
    f"{_REAL} [61] ct -> y": "a cotangent has the aval of its primal",
    f"{_IMAG} [57] ct -> y": "a cotangent has the aval of its primal",
    "autodiff/transforms/reverse.py: _given: if ct is None: [3] ct -> y": "what follows leaves None as it is",
}
