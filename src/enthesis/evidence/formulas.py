"""Formulas of moderators, with the words that users of R know."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

INTERCEPT = "intrcpt"
"""metafor's name for the intercept; shorter than formulaic's "Intercept"."""

_R_SPELLINGS = (
    # In Python ^ is the exclusive or of bits, which integers have: x^2 would silently be that.
    (r"\^", "**"),
    (r"\bas\.factor\(", "factor("),
    (r"\bTRUE\b", "True"),
    (r"\bFALSE\b", "False"),
)
"""What R writes and formulaic does not read alike."""

_FUNCTIONS = ("factor", "sqrt", "abs", "mean", "sd", "relevel")
"""R's words that formulas may use beside formulaic's own (C, I, log, exp, poly, scale, …)."""


def read_formula(mods: str | None) -> Any:
    """The parsed formula; None for the intercept alone.

    Raises
    ------
    InputError : no formula, or one with more than moderators.
    """
    if mods is not None and not isinstance(mods, str):
        raise InputError(
            f"mods must be a formula such as '~ age + modality'; got {type(mods).__name__}"
        )
    if mods is None or re.sub(r"\s", "", mods) in {"~1", "1"}:
        return None
    return _parsed(mods)


@lru_cache(maxsize=64)
def _parsed(mods: str) -> Any:
    # Half a second to load, and only formulas need it.
    from formulaic import Formula, SimpleFormula

    text = mods if "~" in mods else f"~ {mods}"
    for pattern, word in _R_SPELLINGS:
        text = re.sub(pattern, word, text)
    try:
        formula = Formula(text)
    except Exception as problem:
        raise InputError(f"the formula {mods!r} cannot be read: {first_line(problem)}") from problem
    if not isinstance(formula, SimpleFormula):
        raise InputError(
            f"mods names the moderators alone, such as '~ age + modality'; got {mods!r}: the "
            "effects are the column yi, and random effects have their own option"
        )
    return formula


def coded_columns(formula: Any, data: pd.DataFrame) -> Any:
    """The model matrix of a formula or of its earlier coding, with formulaic's record."""
    from formulaic.errors import DataMismatchWarning
    from formulaic.transforms import stateful_transform
    from formulaic.transforms.contrasts import C

    def remembered(statistic: Callable[[Any], Any]) -> Any:
        """Computed on the fit's rows and kept, so that new rows are centred alike."""

        def transform(data: Any, _state: dict[str, float]) -> float:
            return _state.setdefault("value", float(statistic(data)))

        return stateful_transform(transform)

    mean, sd = remembered(np.mean), remembered(lambda x: np.std(x, ddof=1))
    words = (C, np.sqrt, np.abs, mean, sd, _relevel)
    context = dict(zip(_FUNCTIONS, words, strict=True))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # An unseen level would be coded as the reference level, with only a warning.
        warnings.simplefilter("error", DataMismatchWarning)
        # Logarithms of negative numbers are refused by row afterwards.
        warnings.simplefilter("ignore", RuntimeWarning)
        return formula.get_model_matrix(data, context=context, na_action="ignore")


def _relevel(column: Any, ref: str | float) -> pd.Categorical:
    """A factor whose reference level is `ref`, as R's `relevel`."""
    factor = pd.Categorical(getattr(column, "values", column))
    if ref not in factor.categories:
        # Rows to predict may lack the reference level; it stays the reference of the fit.
        factor = factor.add_categories([ref])
    others = [level for level in factor.categories if level != ref]
    return factor.reorder_categories([ref, *others])


def first_line(problem: Exception) -> str:
    """The first sentence of another program's message."""
    return str(problem).partition("\n")[0].partition(". ")[0]


def variables_of(formula: Any, data: pd.DataFrame) -> tuple[str, ...]:
    """The columns that a formula mentions; a name before a bracket is a function, not a column."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "", str(formula))
    # formulaic knows the columns outside of functions that remember, such as scale and poly.
    mentioned = {
        column
        for column in data.columns
        if isinstance(column, str)
        and not column[:1].isdigit()
        and re.search(rf"(?<![\w.]){re.escape(column)}(?![\w.]|\s*[(=](?!=))", text)
    }
    for name in map(str, formula.required_variables):
        # It cuts a name at its dot, which names from R often have.
        if not any(column.startswith(f"{name}.") for column in mentioned):
            mentioned.add(name)
    functions = {name for name in _FUNCTIONS if re.search(rf"\b{name}\(", text)}
    return tuple(sorted(mentioned - functions))


def coefficient_name(name: str, mods: str) -> str:
    """`factor(site)[T.hip]` as metafor prints it, `factor(site)hip`; powers as written."""
    if name == "Intercept":
        return INTERCEPT
    if "^" in mods:
        name = name.replace(" ** ", "^")
    return re.sub(r"\[(?:T\.)?([^\]]*)\]", r"\1", name)
