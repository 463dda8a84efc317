"""Packages that only some jobs need, with the sentence that says how to get them."""

from __future__ import annotations

import importlib
from typing import Any

from enthesis.errors import InputError


def optional(module: str, *, extra: str, purpose: str) -> Any:
    """The module, or an error that names the extra to install.

    Parameters
    ----------
    module : import path
    extra : name in the package's optional dependencies that brings it
    purpose : what it is needed for, as the beginning of a sentence: "reading RIS files"

    Raises
    ------
    InputError : the module is not installed. A module that is installed but broken raises its own
        ImportError.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise InputError(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"get it with: pip install 'enthesis[{extra}]'"
        ) from error
