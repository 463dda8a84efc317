"""Models that users install: how each is run, what its labels mean, and what to do without it."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from enthesis.errors import EnthesisError, InputError
from enthesis.image import Image, LabelMap

ENTRY_POINTS = "enthesis.segmenters"
"""Group of entry points under which other packages offer a `Backend` or a function that gives one.
"""

Announce = Callable[[str], None]

LONGEST_LINE = 70
"""Of what a tool prints, so much is shown as its progress, characters."""

NEWEST_LINES = 6
"""Of what a tool printed before it failed, so many lines go into the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a model wrote.

    Parameters
    ----------
    path : label file, or folder of one mask a region
    scheme : name of a known table of labels, or label number → region
    """

    path: Path
    scheme: str | Mapping[int, str]

    def scheme_json(self) -> str:
        """The table of labels as a file that `read.labels` takes."""
        if isinstance(self.scheme, str):
            raise InputError(f"the labels are named by the known table {self.scheme!r}")
        return json.dumps({"labels": {str(n): name for n, name in self.scheme.items()}})


class Backend(ABC):
    """A model that reads scans: a `FileBackend` or an `ArrayBackend`."""

    name: str
    licence: str

    @abstractmethod
    def missing(self) -> str:
        """One sentence on what to install; empty where nothing is missing."""

    @abstractmethod
    def version(self) -> str:
        """Version of the tool and its model, as far as it says."""

    def origin(self) -> str:
        """What a label map of this model says of where it comes from."""
        return f"model:{self.name} {self.version()}"


class FileBackend(Backend):
    """A model that reads and writes files; `input_name` is how the scan's file is to be called."""

    input_name: str = "scan_0000.nii.gz"

    @abstractmethod
    def run(self, scan: Path, output: Path, *, quantity: str, announce: Announce) -> Made:
        """Let the model read a file.

        Parameters
        ----------
        scan : NIfTI file, named as `input_name` wants it
        output : empty folder for what the model writes
        quantity : what the scan holds
        announce : told what the model prints

        Raises
        ------
        InputError : a quantity that the model does not read.
        EnthesisError : the model failed; the message has the end of what it printed.
        """


class ArrayBackend(Backend):
    """A model that reads images in memory."""

    @abstractmethod
    def labels(self, image: Image) -> LabelMap:
        """The model's answer on the scan's own grid."""


@dataclass(frozen=True, kw_only=True)
class Tool(FileBackend):
    """A command-line tool that writes one label file.

    Parameters
    ----------
    name : how it is called here
    program : its command
    package : its name among installed Python packages, for its version
    licence : of its code and weights, as its makers state it
    install : how to get it
    arguments : with ``{scan}``, ``{output}`` and ``{file}`` in their places
    scheme : what its label numbers mean
    quantities : what it can read
    found : pattern of the file that it writes, relative to the output, or to the scan's folder
    input_name : how the scan's file is to be called
    """

    name: str
    program: str
    package: str
    licence: str
    install: str
    arguments: Sequence[str]
    scheme: str | Mapping[int, str]
    quantities: tuple[str, ...]
    found: str = "*.nii.gz"
    input_name: str = "scan_0000.nii.gz"

    def missing(self) -> str:
        """One sentence on what to install; empty where nothing is missing."""
        if shutil.which(self.program):
            return ""
        return (
            f"{self.name} needs the program {self.program!r}, which is not installed; "
            f"{self.install} ({self.licence})"
        )

    def version(self) -> str:
        """Version of the package, or "unknown"."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return "unknown"

    def run(self, scan: Path, output: Path, *, quantity: str, announce: Announce) -> Made:
        """Run the tool; see `FileBackend.run`."""
        if quantity not in self.quantities:
            raise InputError(f"{self.name} reads {' or '.join(self.quantities)}, got {quantity!r}")
        places = {
            "scan": str(scan),
            "folder": str(scan.parent),
            "output": str(output),
            "file": str(output / "labels.nii.gz"),
        }
        command = [self.program, *(argument.format(**places) for argument in self.arguments)]
        run_tool(command, name=self.name, announce=announce)
        for folder in (output, scan.parent):
            made = sorted(p for p in folder.rglob(self.found) if p != scan)
            if made:
                return Made(path=made[0], scheme=self.scheme)
        raise EnthesisError(f"{self.name} ended without writing a label file ({self.found})")


def run_tool(command: Sequence[str], *, name: str, announce: Announce) -> None:
    """Run a tool as its own process, telling what it prints line by line.

    Raises
    ------
    EnthesisError : it could not be started, or ended with another code than 0.
    """
    lines: list[str] = []
    try:
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            # Text mode takes the carriage returns of progress bars for ends of lines.
            for line in process.stdout or ():
                if line.strip():
                    lines = [*lines[-NEWEST_LINES + 1 :], line.strip()]
                    announce(f"{name}: {line.strip()[:LONGEST_LINE]}")
    except OSError as error:
        raise EnthesisError(f"{name} could not be started: {error.strerror}") from error
    if process.returncode:
        said = " | ".join(lines) or "nothing"
        raise EnthesisError(f"{name} failed with code {process.returncode}; it last said: {said}")


def _vertebrae(first: int, levels: Sequence[str]) -> dict[int, str]:
    return {first + n: f"vertebra_{level}" for n, level in enumerate(levels)}


SPINEPS_LABELS: Mapping[int, str] = {
    **_vertebrae(1, [f"C{n}" for n in range(1, 8)]),
    **_vertebrae(8, [f"T{n}" for n in range(1, 13)]),
    **_vertebrae(20, [f"L{n}" for n in range(1, 7)]),
    26: "sacrum",
    28: "vertebra_T13",
    **{100 + n: f"intervertebral_disc_C{n}_C{n + 1}" for n in range(2, 7)},
    107: "intervertebral_disc_C7_T1",
    **{107 + n: f"intervertebral_disc_T{n}_T{n + 1}" for n in range(1, 12)},
    119: "intervertebral_disc_T12_L1",
    **{119 + n: f"intervertebral_disc_L{n}_L{n + 1}" for n in range(1, 5)},
    124: "intervertebral_disc_L5_S1",
}
"""Numbers of SPINEPS's mask of vertebrae: n a vertebra, 100 + n the disc below it."""

SIGNALS = ("signal", "fat_fraction")

TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            name="totalsegmentator",
            program="TotalSegmentator",
            package="TotalSegmentator",
            licence="Apache-2.0, weights of the task 'total' too",
            install="get it with: pip install TotalSegmentator",
            arguments=("-i", "{scan}", "-o", "{file}", "--ml", "--task", "total"),
            scheme="totalsegmentator",
            quantities=("hounsfield",),
        ),
        Tool(
            name="totalsegmentator-mr",
            program="TotalSegmentator",
            package="TotalSegmentator",
            licence="Apache-2.0, weights of the task 'total_mr' too",
            install="get it with: pip install TotalSegmentator",
            arguments=("-i", "{scan}", "-o", "{file}", "--ml", "--task", "total_mr"),
            scheme="totalsegmentator-mr",
            quantities=SIGNALS,
        ),
        Tool(
            name="totalsegmentator-tissues",
            program="TotalSegmentator",
            package="TotalSegmentator",
            licence="code Apache-2.0, weights of the task 'tissue_types' by a licence key",
            install="get it with: pip install TotalSegmentator, and a licence key from its makers",
            arguments=("-i", "{scan}", "-o", "{file}", "--ml", "--task", "tissue_types"),
            scheme="totalsegmentator-tissues",
            quantities=("hounsfield",),
        ),
        Tool(
            name="musclemap",
            program="mm_segment",
            package="MuscleMap",
            licence="MIT",
            install="get it as github.com/MuscleMap/MuscleMap says",
            arguments=("-i", "{scan}", "-r", "wholebody", "-o", "{output}"),
            scheme="musclemap",
            quantities=("hounsfield", *SIGNALS),
            found="*dseg.nii.gz",
            input_name="scan.nii.gz",
        ),
        Tool(
            name="spineps",
            program="spineps",
            package="spineps",
            licence="Apache-2.0",
            install="get it with: pip install spineps",
            arguments=(
                *("sample", "-i", "{scan}"),
                *("-model_semantic", "t2w", "-model_instance", "instance"),
            ),
            scheme=SPINEPS_LABELS,
            quantities=("signal",),
            found="*_seg-vert_msk.nii.gz",
            input_name="sub-scan_T2w.nii.gz",
        ),
    )
}
"""Tools that are known by name."""


def backend_names() -> tuple[str, ...]:
    """Names that `backend` knows: its own, and those that other packages offer."""
    others = (point.name for point in importlib.metadata.entry_points(group=ENTRY_POINTS))
    return tuple(dict.fromkeys([*TOOLS, *others]))


def backend(name: str | Path) -> Backend:
    """A model by its name, or the model in a folder.

    Parameters
    ----------
    name : of `backend_names`; or a folder with ``dataset.json`` of nnU-Net v2, or with the
        ``model.json`` that describes an ONNX file, see `segment.backend_models`

    Raises
    ------
    InputError : no such name, or a folder that holds no model that is understood.
    """
    if str(name) in TOOLS:
        return TOOLS[str(name)]
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        if point.name == str(name):
            offered = point.load()
            found = offered if isinstance(offered, Backend) else offered()
            if not isinstance(found, Backend):
                raise InputError(f"the segmenter {name!r} of {point.value} is no Backend")
            return found
    if Path(name).is_dir():
        # Here, because models are backends themselves.
        from enthesis.segment.backend_models import model_in

        return model_in(Path(name))
    raise InputError(
        f"no segmenter named {str(name)!r}: name automatic, {', '.join(backend_names())}, or the "
        "folder of a model"
    )
