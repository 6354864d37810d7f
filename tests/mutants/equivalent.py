"""Mutants that no test can tell from the original, each with the reason. Names are those of `Mutant.name`."""

EQUIVALENT: dict[str, str] = {}
