"""Subjects made from a criterion's own column names."""

from __future__ import annotations

from enthesis.records import Measurement, Subject


def person(criterion, **given):
    """A subject with these inputs of the criterion; `_left` and `_right` name a side."""
    inputs = {asked.name: asked for asked in criterion.inputs}
    fields = {k: v for k, v in given.items() if k in {"sex", "age", "height_m", "weight_kg"}}
    measurements = []
    for column, value in given.items():
        if column in fields:
            continue
        name, _, side = column.rpartition("_")
        name, side = (name, side) if side in {"left", "right"} else (column, "")
        asked = inputs[name]
        measurements.append(
            Measurement(
                quantity=asked.quantity,
                region=asked.region,
                level=asked.level,
                side=side,
                value=value,
            )
        )
    return Subject(**fields, measurements=tuple(measurements))


def category(criterion, **given):
    """What the criterion says of such a subject, by both of its paths."""
    found = criterion.find(person(criterion, **given)).category
    judged = criterion.judge({column: [value] for column, value in given.items()})
    assert found == criterion.named(judged.codes)[0]
    return found
