"""Small conditions in campaigns: ``n_qubits > 20 and method == 'density_matrix'``.

The text is parsed into Python's syntax tree and the tree is walked here; nothing is ever evaluated by Python. Only
names of parameters, literals, comparisons, ``and``/``or``/``not`` and arithmetic on numbers exist: no call, no
attribute, no index, no format string.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from .errors import UserError, nearest, one_line

LONGEST: Final = 400
"""Longest condition, in characters."""
_LARGEST_EXPONENT: Final = 128
_LARGEST_NUMBER: Final = 1e300
_ALLOWED: Final = "parameter names, numbers, strings, lists, comparisons, in, and, or, not, + - * / // % **"

_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_SIGNS: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


class ExpressionError(UserError):
    """The condition is not one of the small language, or cannot be decided for the given values."""


@final
@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition; make one with `parse`.

    Attributes
    ----------
    text
        As it was written.
    tree
        Its syntax tree, every node of which is of an allowed kind.
    """

    text: str
    tree: ast.expr

    @property
    def names(self) -> frozenset[str]:
        """Names of the parameters that the condition looks at."""
        return frozenset(node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name))

    def require_names(self, valid: Iterable[str]) -> None:
        """Refuse names that do not exist.

        Raises
        ------
        ExpressionError
            Names the first unknown name, the valid ones and the nearest of them.
        """
        known = sorted(valid)
        for name in sorted(self.names - set(known)):
            choices = f"valid names: {', '.join(known)}{nearest(name, known)}"
            raise ExpressionError(f"{self.text!r}: unknown name {name!r}; {choices}")

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Decide the condition for parameter values.

        Raises
        ------
        ExpressionError
            If it has no answer, for example where a number is compared with a string.
        """
        try:
            answer = _value(self.tree, values)
        except (TypeError, ValueError, ArithmeticError, KeyError) as error:
            raise ExpressionError(f"{self.text!r} cannot be decided: {one_line(error)}") from error
        if not isinstance(answer, bool):
            raise ExpressionError(f"{self.text!r} gives {answer!r}; a condition is true or false")
        return answer


def parse(text: str) -> Condition:
    """Parse a condition.

    Raises
    ------
    ExpressionError
        If it is empty, too long, not an expression, names no parameter, or holds anything but the allowed forms.
    """
    if not text.strip() or len(text) > LONGEST:
        raise ExpressionError(f"{text[:40]!r}: a condition has 1 to {LONGEST} characters")
    tree = _tree(text)
    for part in _checked(tree):
        raise ExpressionError(f"{text!r}: {part} is not allowed; allowed: {_ALLOWED}")
    condition = Condition(text, tree)
    if not condition.names:
        raise ExpressionError(f"{text!r}: a condition looks at a parameter; allowed: {_ALLOWED}")
    return condition


def _tree(text: str) -> ast.expr:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python remarks on odd literals; they are no concern of a campaign
        try:
            return ast.parse(" ".join(text.splitlines()).strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "too deeply nested or not text"
            raise ExpressionError(f"{text!r}: not an expression ({reason}); allowed: {_ALLOWED}") from error


_LEAVES = (ast.Name, ast.Load, ast.boolop, ast.cmpop, ast.unaryop, ast.operator)
_BRANCHES = (ast.BoolOp, ast.Compare, ast.BinOp, ast.UnaryOp, ast.List, ast.Tuple, ast.Set)
_OPERATORS: Final = {*_COMPARISONS, *_ARITHMETIC, *_SIGNS, ast.And, ast.Or}


def _checked(tree: ast.expr) -> Iterator[str]:
    """Yield what is not allowed, in words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, bool | int | float | str | None):
                yield f"a {type(node.value).__name__} literal"
        elif isinstance(node, ast.boolop | ast.cmpop | ast.unaryop | ast.operator):
            if type(node) not in _OPERATORS:
                yield f"the operator {type(node).__name__}"
        elif not isinstance(node, _LEAVES + _BRANCHES):
            yield f"{type(node).__name__} ({ast.unparse(node)[:40]!r})" if isinstance(node, ast.expr) else "this form"


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return values[node.id]
        case ast.List() | ast.Tuple() | ast.Set():
            return [_value(item, values) for item in node.elts]
        case ast.BoolOp():
            return _both_or_either(node, values)
        case ast.UnaryOp():
            return _SIGNS[type(node.op)](_value(node.operand, values))
        case ast.BinOp():
            return _computed(node, values)
        case ast.Compare():
            return _compared(node, values)
    raise TypeError(f"{type(node).__name__} has no value")  # pragma: no cover - refused by parse


def _both_or_either(node: ast.BoolOp, values: Mapping[str, Any]) -> bool:
    decide = all if isinstance(node.op, ast.And) else any
    return decide(bool(_value(part, values)) for part in node.values)


def _compared(node: ast.Compare, values: Mapping[str, Any]) -> bool:
    left = _value(node.left, values)
    for operation, right_node in zip(node.ops, node.comparators, strict=True):
        right = _value(right_node, values)
        if not _COMPARISONS[type(operation)](left, right):
            return False
        left = right
    return True


def _computed(node: ast.BinOp, values: Mapping[str, Any]) -> float:
    left, right = _value(node.left, values), _value(node.right, values)
    for operand in (left, right):
        if not isinstance(operand, int | float) or abs(operand) > _LARGEST_NUMBER:
            raise TypeError(f"arithmetic is for numbers up to {_LARGEST_NUMBER:g}, not {str(operand)[:40]!r}")
    if isinstance(node.op, ast.Pow) and abs(right) > _LARGEST_EXPONENT:
        raise ValueError(f"exponent {right} is larger than {_LARGEST_EXPONENT}")
    result = _ARITHMETIC[type(node.op)](left, right)
    if isinstance(result, complex):
        raise TypeError("a root of a negative number is no number here")
    return float(result) if isinstance(result, float) else int(result)
