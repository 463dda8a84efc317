"""Many tests at once: p-values that keep the error of the whole family in bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError

Floats = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """P-values that bound the chance of any false finding, whatever the tests' dependence.

    Parameters
    ----------
    p_values : (k,) of one family; NaN where there was no test, which does not count

    Raises
    ------
    InputError : a value outside 0 to 1.

    References
    ----------
    Holm S. Scand J Stat 1979;6:65-70. https://www.jstor.org/stable/4615733
    """
    p, tested, order = _sorted(p_values)
    k = order.size
    grown = np.maximum.accumulate(p[tested][order] * (k - np.arange(k)))
    return _placed(p, tested, order, grown)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """P-values that bound the expected share of false findings among the findings.

    Parameters
    ----------
    p_values : (k,) of one family; NaN where there was no test, which does not count

    Raises
    ------
    InputError : a value outside 0 to 1.

    Notes
    -----
    Proved for tests that are independent or positively dependent.

    References
    ----------
    Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300. doi:10.1111/j.2517-6161.1995.tb02031.x
    """
    p, tested, order = _sorted(p_values)
    k = order.size
    shares = p[tested][order] * k / np.arange(1, k + 1)
    return _placed(p, tested, order, np.minimum.accumulate(shares[::-1])[::-1])


def _sorted(p_values: ArrayLike) -> tuple[Floats, NDArray[np.bool_], NDArray[np.intp]]:
    p = np.asarray(p_values, dtype=np.float64)
    tested = ~np.isnan(p)
    wrong = p[tested & ~((p >= 0) & (p <= 1))]
    if wrong.size:
        raise InputError(f"a p-value lies between 0 and 1, got {wrong[0]:g}")
    return p, tested, np.argsort(p[tested], kind="stable")


def _placed(
    p: Floats, tested: NDArray[np.bool_], order: NDArray[np.intp], corrected: Floats
) -> Floats:
    back = np.empty(order.size)
    back[order] = np.minimum(corrected, 1)
    out = np.full(p.shape, np.nan)
    out[tested] = back
    return out
