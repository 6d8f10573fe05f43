"""The names that compiled conditions stand over. There are no others, not even Python's built-in ones."""

from __future__ import annotations

from typing import Any

from sendwhen.campaigns import cel_arithmetic, cel_conversions, cel_values
from sendwhen.campaigns.cel_library import matches

RUNTIME: dict[str, Any] = {
    "_E": cel_values.ERROR,
    "_N": cel_values.NUMBERS,
    "_T": cel_values.Timestamp,
    "_D": cel_values.Duration,
    "_same": cel_values.same,
    "_s": cel_values.select,
    "_h": cel_values.has,
    "_map": cel_values.mapping,
    "_i": cel_values.index,
    "_eq": cel_values.equal,
    "_ne": cel_values.unequal,
    "_lt": cel_values.less,
    "_le": cel_values.less_equal,
    "_gt": cel_values.greater,
    "_ge": cel_values.greater_equal,
    "_not": cel_values.negate,
    "_and": cel_values.conjunction,
    "_or": cel_values.disjunction,
    "_list": cel_values.members,
    "_pairs": cel_values.pairs,
    "_in": cel_values.contained,
    "_size": cel_values.size,
    "_starts": cel_values.starts_with,
    "_ends": cel_values.ends_with,
    "_contains": cel_values.contains,
    "_any": cel_values.exists,
    "_all": cel_values.every,
    "_one": cel_values.exists_one,
    "_add": cel_arithmetic.add,
    "_sub": cel_arithmetic.subtract,
    "_mul": cel_arithmetic.multiply,
    "_div": cel_arithmetic.divide,
    "_mod": cel_arithmetic.modulo,
    "_neg": cel_arithmetic.minus,
    "_int": cel_conversions.to_int,
    "_double": cel_conversions.to_double,
    "_text": cel_conversions.to_text,
    "_time": cel_conversions.to_timestamp,
    "_span": cel_conversions.to_duration,
    "_matches": matches,
    "float": float,
    "str": str,
    "bool": bool,
    "dict": dict,
    "Exception": Exception,
    "__builtins__": {},
}

ORDERINGS = {"_<_": ("<", "_lt"), "_<=_": ("<=", "_le"), "_>_": (">", "_gt"), "_>=_": (">=", "_ge")}
ARITHMETIC = ("_+_", "_-_", "_*_", "_/_", "_%_")
FUNCTIONS = {
    **dict(zip(ARITHMETIC, (("_add", 2), ("_sub", 2), ("_mul", 2), ("_div", 2), ("_mod", 2)), strict=True)),
    "-_": ("_neg", 1),
    "_[_]": ("_i", 2),
    "@in": ("_in", 2),
    "size": ("_size", 1),
    "startsWith": ("_starts", 2),
    "endsWith": ("_ends", 2),
    "contains": ("_contains", 2),
    "int": ("_int", 1),
    "double": ("_double", 1),
    "string": ("_text", 1),
    "timestamp": ("_time", 1),
    "duration": ("_span", 1),
}
"""Functions by their name in the tree: ours, and how many operands it takes."""
