"""A digital body, and how it is scanned, as a text in TOML says."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from enthesis import phantom
from enthesis.errors import InputError
from enthesis.phantom import LumbarBody

SCANS: Mapping[str, Callable[..., Any]] = {
    "ct": phantom.lumbar_ct,
    "dixon": phantom.lumbar_dixon,
    "t1": phantom.lumbar_mr,
    "t2": phantom.lumbar_mr,
}
"""Tables of the file that say how a scan is made, and what makes it."""

NOT_SET = frozenset({"body", "weighting", "spacing_mm", "rng"})
"""What a scan's table cannot set: the command does."""

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyFile:
    """What a file says.

    Parameters
    ----------
    body : as its keys say, the rest being usual; None if it has none
    scans : by modality, what its scan is made with
    said : all of it as it stands, for the record
    """

    body: LumbarBody | None
    scans: Mapping[str, Mapping[str, Any]]
    said: Mapping[str, Any]


def body_file(path: Path) -> BodyFile:
    """Body and scans of a TOML file: keys of `LumbarBody`, and a table per scan.

    Parameters
    ----------
    path : the file; [ct], [dixon], [t1] and [t2] hold what `lumbar_ct`, `lumbar_dixon` and
        `lumbar_mr` can be told

    Raises
    ------
    InputError : no TOML, an unknown key, a value of another type, or an impossible one.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path.name!r}: name a text file") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name} is no TOML: {error}") from None
    scans = {}
    for name, make in SCANS.items():
        if name in said:
            hints = get_type_hints(make)
            options = inspect.signature(make).parameters
            known = {key: hints[key] for key in options if key not in NOT_SET}
            scans[name] = _settings(said[name], known, f"{path.name}: [{name}]")
    own = {key: value for key, value in said.items() if key not in SCANS}
    body = _built(LumbarBody, own, path.name) if own else None
    return BodyFile(body=body, scans=scans, said=said)


def _built(kind: Any, said: Any, where: str) -> Any:
    hints = get_type_hints(kind)
    known = {field.name: hints[field.name] for field in fields(kind)}
    settings = _settings(said, known, where)
    try:
        return kind(**settings)
    except TypeError as error:
        # A fracture without its level, say.
        missing = ", ".join(key for key in known if key not in settings)
        raise InputError(f"{where} is incomplete; missing is one of: {missing}") from error
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _settings(said: Any, known: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(said, Mapping):
        raise InputError(f"{where} is a table, got {said!r}")
    for key in said:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; known are: {', '.join(known)}")
    return {key: _value(value, known[key], f"{where}: {key}") for key, value in said.items()}


def _value(value: Any, hint: Any, where: str) -> Any:
    """A value of the file as the type hint of what it sets wants it."""
    if is_dataclass(hint):
        return _built(hint, value, where)
    kind, parts = get_origin(hint), get_args(hint)
    if kind in {Union, UnionType}:
        wanted = [part for part in parts if part is not NoneType]
        lists = [part for part in wanted if get_origin(part) is tuple]
        return _value(value, lists[0] if lists and isinstance(value, list) else wanted[0], where)
    if kind is Literal:
        # Which words there are is checked by what takes them.
        return _plain(value, type(parts[0]), where)
    if kind in {tuple, Sequence}:
        if not isinstance(value, list):
            raise InputError(f"{where} is a list, got {value!r}")
        return tuple(_value(each, parts[0], where) for each in value)
    return _plain(value, hint, where)


def _plain(value: Any, kind: type, where: str) -> Any:
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{where} is {_WORDS[kind]}, got {value!r}")
    return kind(value)
