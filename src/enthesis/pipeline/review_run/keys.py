"""Keys of a plan, one by one: what is asked for is checked, what nobody asks for is refused."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from enthesis.errors import InputError

REQUIRED: Any = object()
"""Default of a key that a plan cannot do without."""


class Keys:
    """One table of a plan.

    Parameters
    ----------
    content : as parsed
    path : where it stands in the plan, e.g. "models[2]"; empty for the whole plan

    Raises
    ------
    InputError : from every method, naming the key, what it wants and what it got.
    """

    def __init__(self, content: Mapping[str, Any], path: str = "") -> None:
        self._content = dict(content)
        self._path = path
        self._asked: list[str] = []

    def name(self, key: str) -> str:
        """The key as a message names it."""
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Whether the plan gives the key."""
        return key in self._content

    def text(self, key: str, default: Any = REQUIRED) -> str:
        """A text that is not empty, unless its default is."""
        value = self._take(key, default)
        if not isinstance(value, str) or not (value.strip() or value == default):
            raise self._wrong(key, "a text", value)
        return value

    def choice(self, key: str, known: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        value = self._take(key, default)
        if value not in known:
            raise self._wrong(key, f"one of {', '.join(map(repr, known))}", value)
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def number(
        self, key: str, default: Any, *, low: float, high: float, inside: bool = False
    ) -> float:
        """A number from `low` to `high`, or strictly between them with `inside`."""
        value = self._take(key, default)
        right = isinstance(value, int | float) and not isinstance(value, bool)
        if not right or not (low < value < high if inside else low <= value <= high):
            between = "between" if inside else "from"
            raise self._wrong(
                key, f"a number {between} {low:g} {'and' if inside else 'to'} {high:g}", value
            )
        return float(value)

    def texts(self, key: str, default: Any = REQUIRED) -> tuple[str, ...]:
        """A list of different texts."""
        value = self._take(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise self._wrong(key, 'a list of texts, such as ["age", "bmi"]', value)
        twice = sorted({one for one in value if list(value).count(one) > 1})
        if twice:
            raise InputError(f"the plan's {self.name(key)} lists {twice[0]!r} twice; keep one")
        return tuple(value)

    def numbers(self, key: str, default: Any, *, low: float, high: float) -> tuple[float, ...]:
        """A list of numbers from `low` up to but not including `high`."""
        value = self._take(key, default)
        right = isinstance(value, list | tuple) and all(
            isinstance(one, int | float) and not isinstance(one, bool) and low <= one < high
            for one in value
        )
        if not right:
            raise self._wrong(key, f"a list of numbers from {low:g} to below {high:g}", value)
        return tuple(map(float, value))

    def words(self, key: str) -> dict[str, str]:
        """A table whose values are texts."""
        value = self._table(key)
        for name, one in value.items():
            if not isinstance(one, str):
                raise self._wrong(f"{key}.{name}", "a text", one)
        return value

    def lists(self, key: str) -> dict[str, tuple[str, ...]]:
        """A table whose values are lists of texts."""
        inside = Keys(self._table(key), self.name(key))
        return {name: inside.texts(name) for name in inside._content}

    def table(self, key: str) -> Keys:
        """A table of the plan; empty where it is absent."""
        return Keys(self._table(key), self.name(key))

    def optional(self, key: str) -> Keys | None:
        """A table of the plan, or None where it is absent."""
        return self.table(key) if key in self._content else None

    def tables(self, key: str) -> list[Keys]:
        """Tables that the plan writes as [[key]]."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._wrong(key, f"tables, each under its own [[{key}]]", value)
        return [Keys(one, f"{self.name(key)}[{i}]") for i, one in enumerate(value, start=1)]

    def named(self, key: str) -> dict[str, Keys]:
        """A table of tables, such as [rescale.female_10]."""
        content = self._table(key)
        for name, one in content.items():
            if not isinstance(one, dict):
                raise self._wrong(f"{key}.{name}", "a table", one)
        return {name: Keys(one, f"{self.name(key)}.{name}") for name, one in content.items()}

    def rest(self) -> dict[str, Any]:
        """Everything not asked for so far."""
        left = {key: value for key, value in self._content.items() if key not in self._asked}
        self._asked += list(left)
        return left

    def done(self) -> None:
        """Refuse a key that nobody asked for; it is most often a slip of the pen."""
        for key in self._content:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1)
                advice = (
                    f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(self._asked)}"
                )
                raise InputError(f"the plan has no key {self.name(key)!r}; {advice}")

    def _take(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        if key in self._content:
            return self._content[key]
        if default is REQUIRED:
            raise InputError(f"the plan's {self.name(key)} is missing; give it")
        return default

    def _table(self, key: str) -> dict[str, Any]:
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, "a table", value)
        return value

    def _wrong(self, key: str, wanted: str, got: Any) -> InputError:
        return InputError(f"the plan's {self.name(key)} wants {wanted}, got {got!r}")
