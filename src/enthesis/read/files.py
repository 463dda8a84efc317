"""Paths as given: there, readable, of a known kind."""

from __future__ import annotations

from pathlib import Path

from enthesis.errors import InputError

NIFTI_SUFFIXES = (".nii", ".nii.gz")


def existing(path: str | Path) -> Path:
    """Return the path, if something lies there that may be read.

    Raises
    ------
    InputError : nothing there, or no permission.
    """
    path = Path(path)
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            path.open("rb").close()
    except FileNotFoundError:
        raise InputError(f"no file or folder at {str(path)!r}; check the path") from None
    except PermissionError:
        raise InputError(f"no permission to read {path.name!r}; ask its owner") from None
    except OSError as error:
        raise InputError(f"{path.name!r} cannot be opened: {error.strerror}") from error
    return path


def is_nifti(path: Path) -> bool:
    """Whether the name ends as a NIfTI file's does."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def nifti_stem(path: Path) -> str:
    """Name of a NIfTI file without .nii or .nii.gz."""
    name = path.name
    for suffix in (".gz", ".nii"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def files_below(folder: Path) -> list[Path]:
    """Files of a folder and the folders in it, in name order; hidden ones are left out.

    Raises
    ------
    InputError : there is none.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(f"the folder {folder.name!r} is empty; name one that holds a scan")
    return found
