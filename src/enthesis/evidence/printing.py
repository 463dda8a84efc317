"""Fits as text, as HTML and as plain values; the layout is the one that metafor users know."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enthesis.evidence.fit import Fit

STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, "."))
ESTIMATORS = {
    "DL": "DerSimonian-Laird",
    "HE": "Hedges",
    "HS": "Hunter-Schmidt",
    "HSk": "Hunter-Schmidt, k-corrected",
    "SJ": "Sidik-Jonkman",
    "SJIT": "iterated Sidik-Jonkman",
    "DLIT": "iterated DerSimonian-Laird",
    "EB": "empirical Bayes",
    "PM": "Paule-Mandel",
    "PMM": "median-unbiased Paule-Mandel",
    "GENQ": "generalised Q",
}


def number(value: float, digits: int = 4) -> str:
    """Fixed decimals; a dash where there is no value."""
    return "–" if not np.isfinite(value) else f"{value:.{digits}f}"


def p_text(p: float, digits: int = 4) -> str:
    """A p-value with `digits` decimals, or "<.0001" below them."""
    if not np.isfinite(p):
        return "–"
    floor = 10.0**-digits
    return f"<{floor:.{digits}f}".replace("0.", ".", 1) if p < floor else f"{p:.{digits}f}"


def p_phrase(p: float) -> str:
    """`p = 0.0123` or `p < .0001`."""
    text = p_text(p)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def stars(p: float) -> str:
    """Significance marks, as R prints them."""
    return next((mark for bound, mark in STARS if p < bound), "")


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned text; the first column to the left, numbers to the right."""
    widths = [max(len(row[j]) for row in (header, *rows)) for j in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def summary(fit: Fit) -> str:
    """The whole printout."""
    blocks = [
        _title(fit),
        _criteria(fit),
        _heterogeneity(fit),
        _q_test(fit),
        _moderator_test(fit),
        _coefficients(fit),
        _notes(fit),
    ]
    return "\n\n".join(block for block in blocks if block)


def html(fit: Fit) -> str:
    """Title, coefficient table and heterogeneity as one HTML fragment."""
    table = fit.to_frame().drop(columns="df")
    table["p_value"] = [p_text(p) for p in table["p_value"]]
    body = table.to_html(float_format=lambda v: number(v), border=0)
    foot = "".join(
        f"<p>{escape(text)}</p>"
        for block in (_heterogeneity(fit), _q_test(fit), _moderator_test(fit))
        for text in [block.replace("\n", "; ")]
        if text
    )
    return f"<div><p><b>{escape(_title(fit))}</b></p>{body}{foot}</div>"


def plain(value: Any) -> Any:
    """NumPy and NaN out, JSON in."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


def _title(fit: Fit) -> str:
    if not fit.components:
        return f"{fit.model} (k = {fit.k})"
    name = ESTIMATORS.get(fit.method, fit.method)
    return f"{fit.model} (k = {fit.k}; heterogeneity estimator: {name})"


def _criteria(fit: Fit) -> str:
    values = (fit.log_likelihood, fit.deviance, fit.aic, fit.bic, fit.aicc)
    header = ("logLik", "deviance", "AIC", "BIC", "AICc")
    return columns(("", *header), [("", *(number(value) for value in values))])


def _heterogeneity(fit: Fit) -> str:
    if not fit.components:
        lines = [
            ("I^2 (variability beyond sampling error):", f"{number(fit.i2, 2)}%"),
            ("H^2 (Q over its degrees of freedom):", number(fit.h2, 2)),
        ]
    elif len(fit.components) == 1:
        component = fit.components[0]
        error = component.std_error
        suffix = f" (SE = {number(error)})" if np.isfinite(error) else ""
        residual = "residual" if fit.p > 1 else "total"
        lines = [
            (f"tau^2 (estimated {residual} heterogeneity):", f"{number(fit.tau2)}{suffix}"),
            ("tau (square root of estimated tau^2):", number(float(np.sqrt(fit.tau2)))),
            ("I^2 (heterogeneity / total variability):", f"{number(fit.i2, 2)}%"),
            ("H^2 (total variability / sampling variability):", number(fit.h2, 2)),
        ]
    else:
        return _components(fit)
    if np.isfinite(fit.r2):
        lines.append(("R^2 (heterogeneity accounted for):", f"{number(fit.r2, 2)}%"))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label.ljust(width)}  {value}" for label, value in lines)


def _components(fit: Fit) -> str:
    rows = []
    for component in fit.components:
        root = component.value >= 0.0 and component.kind == "variance"
        rows.append(
            (
                component.name,
                number(component.value),
                number(float(np.sqrt(component.value))) if root else "–",
                str(component.n_levels),
                "yes" if component.fixed else "no",
            )
        )
    table = columns(("Variance components", "estim", "sqrt", "nlvls", "fixed"), rows)
    return f"{table}\n\nI^2 (heterogeneity / total variability):  {number(fit.i2, 2)}%"


def _q_test(fit: Fit) -> str:
    title = "Test for Residual Heterogeneity:" if fit.p > 1 else "Test for Heterogeneity:"
    return f"{title}\nQ(df = {fit.q_df}) = {number(fit.q)}, {p_phrase(fit.q_p)}"


def _moderator_test(fit: Fit) -> str:
    if fit.p == 1:
        return ""
    df1, df2 = fit.qm_df
    if np.isfinite(df2):
        text = f"F(df1 = {df1:g}, df2 = {df2:g}) = {number(fit.qm)}, {p_phrase(fit.qm_p)}"
    else:
        text = f"QM(df = {df1:g}) = {number(fit.qm)}, {p_phrase(fit.qm_p)}"
    return f"Test of Moderators:\n{text}"


def _coefficients(fit: Fit) -> str:
    table: pd.DataFrame = fit.to_frame()
    student = bool(np.isfinite(fit.df).any())
    header = ["", "estimate", "se", "tval" if student else "zval"]
    header += ["df"] if student else []
    header += ["pval", "ci.lb", "ci.ub", ""]
    rows = []
    for name, row in zip(fit.names, table.to_dict(orient="records"), strict=True):
        cells = [name] + [number(row[key]) for key in ("estimate", "std_error", "statistic")]
        cells += [f"{row['df']:.4g}"] if student else []
        cells += [p_text(row["p_value"]), number(row["ci_lower"]), number(row["ci_upper"])]
        rows.append([*cells, stars(row["p_value"])])
    legend = "---\nSignif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"
    return f"Model Results:\n\n{columns(header, rows)}\n\n{legend}"


def _notes(fit: Fit) -> str:
    return "\n".join(f"Note: {note}" for note in fit.notes)
