"""What TRIPOD asks to be told of a risk model, as one table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from enthesis.cohort.internal_validation import CrossValidation, Optimism
from enthesis.cohort.prediction import RiskModel, performance

MEASURES = {
    "auc": "AUC",
    "brier": "Brier score",
    "brier_scaled": "Scaled Brier score",
    "calibration_intercept": "Calibration intercept",
    "calibration_slope": "Calibration slope",
    "ici": "ICI",
}
"""Measures of performance as the table prints them."""


def tripod_table(
    model: RiskModel,
    *,
    optimism: Optimism | None = None,
    cross_validation: CrossValidation | None = None,
) -> pd.DataFrame:
    """The numbers that TRIPOD asks for in the results of a prediction study.

    Parameters
    ----------
    model : as fitted
    optimism : by the bootstrap, if it was done
    cross_validation : if it was done

    Returns
    -------
    Columns item (of the TRIPOD 2015 checklist), topic, value (text).

    References
    ----------
    Collins GS et al. Ann Intern Med 2015;162:55-63. doi:10.7326/M14-0697
    """
    n, n_events = model.events.size, int(model.events.sum())
    rows = [
        ("6a", "Outcome", model.outcome),
        ("7a", "Predictors", ", ".join(model.predictors.columns)),
        (
            "8",
            "Events per coefficient",
            f"{min(n_events, n - n_events) / (len(model.names) - 1):.1f}",
        ),
        ("9", "Missing values", f"complete rows only; {model.n_missing} left out"),
        ("10b", "Model", _method(model)),
        ("13a", "Participants", f"{n}, of whom {n_events} ({100 * n_events / n:.1f}%) with event"),
        *(("15a", f"Coefficient, {name}", text) for name, text in _coefficients(model)),
    ]
    apparent = performance(model.events, model.risks, level=model.level)
    rows.append(("16", "Apparent discrimination", apparent.roc.summary()))
    rows.append(("16", "Apparent Brier score", f"{apparent.calibration.brier:.3f}"))
    if optimism is not None:
        rows += [
            (
                "16",
                f"{MEASURES[str(name)]}, corrected for optimism",
                _corrected(float(one["corrected"]), float(one["apparent"]), optimism.n_boot),
            )
            for name, one in optimism.table.iterrows()
        ]
    if cross_validation is not None:
        found = cross_validation.performance
        rows.append(("16", "Cross-validated discrimination", found.roc.summary()))
        rows.append(("16", "Cross-validated calibration", found.calibration.summary()))
    return pd.DataFrame(rows, columns=["item", "topic", "value"])


def _method(model: RiskModel) -> str:
    if model.penalty == "none":
        return "logistic regression, maximum likelihood"
    name = model.penalty.replace("_", " ")
    return f"logistic regression, {name} penalty, C = {model.strength:.3g} by cross-validation"


def _coefficients(model: RiskModel) -> list[tuple[str, str]]:
    texts = []
    for i, name in enumerate(model.names):
        text = f"{model.coefficients[i]:.4g}"
        if i and np.isfinite(model.std_errors[i]):
            ratio, low, high = np.exp([model.coefficients[i], model.ci_lower[i], model.ci_upper[i]])
            text += f" (odds ratio {ratio:.3f}, {low:.3f} to {high:.3f})"
        texts.append((name, text))
    return texts


def _corrected(corrected: float, apparent: float, n_boot: int) -> str:
    return f"{_number(corrected)} (apparent {_number(apparent)}; {n_boot} bootstrap samples)"


def _number(value: float) -> str:
    """Three decimals, without a minus before zero."""
    return f"{round(value, 3) + 0.0:.3f}"
