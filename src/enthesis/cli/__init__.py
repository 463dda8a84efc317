"""The command line: each command parses, calls one public function and prints."""

from __future__ import annotations

import sys
from typing import NoReturn

import cyclopts

from enthesis import __version__
from enthesis.errors import EnthesisError, InputError

UNEXPECTED, UNUSABLE = 1, 2
"""Exit codes: 0 done, 1 unexpected error, 2 unusable call or input, 4 some cases failed."""

app = cyclopts.App(
    name="enthesis",
    help="From scan to evidence: bone and muscle imaging, measured, diagnosed and pooled.",
    version=__version__,
    help_format="plaintext",
    # A flag is given or not; there is no second word to take it back.
    default_parameter=cyclopts.Parameter(negative=()),
)
# By import path, so that asking for help does not load what a command needs.
for name, what in (
    ("demo", "Measure a digital body beside its truth and pool simulated studies."),
    ("phantom", "Make digital bodies with known truth, scanned by CT or MR."),
    ("series", "List the DICOM series of a folder."),
    ("segment", "Find the vertebrae and muscles of a lumbar CT or MR scan."),
    ("measure", "Measure the muscles and vertebrae of a CT or MR scan."),
    ("batch", "Measure a dataset of scans, on every core or on a cluster."),
    ("values", "Read device numbers: DXA, QUS, grip, gait; units converted, doubts named."),
    ("dxa", "Tell which changes of bone density between visits are more than error."),
    ("pqct", "Measure a bone on a pQCT slice."),
    ("microarchitecture", "Measure the microarchitecture of bone on HR-pQCT or micro-CT."),
    ("diagnose", "Judge a table of subjects by every criterion that its columns allow."),
    ("ultrasound", "Measure a muscle on an ultrasound picture or loop."),
    ("compare", "Compare the groups of a cohort, and add it to a table of studies."),
    ("agree", "Tell how well raters, sessions or methods agree."),
    ("pool", "Pool a table of studies."),
    ("review", "Do a systematic review: from records to included studies and their effects."),
):
    app.command(f"enthesis.cli.{name}:{name}", name=name, help=what)


def main() -> NoReturn:
    """Run the command that was typed and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line.

    Parameters
    ----------
    arguments : as typed after ``enthesis``

    Returns
    -------
    The exit code: 0 done, 1 the computation failed, 2 unusable call or input, 4 some cases failed.
    """
    try:
        code = app(arguments, exit_on_error=False, result_action="return_value")
    except cyclopts.CycloptsError:
        # Already printed with its usage.
        return UNUSABLE
    except InputError as error:
        print(f"enthesis: {error}", file=sys.stderr)  # noqa: T201
        return UNUSABLE
    except EnthesisError as error:
        print(f"enthesis: {error}", file=sys.stderr)  # noqa: T201
        return UNEXPECTED
    return code if isinstance(code, int) else 0
