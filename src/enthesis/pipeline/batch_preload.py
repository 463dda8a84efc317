"""What measuring a scan needs, imported once by the server that every process starts from.

Only that server imports this module, so it may do what no other does on import: use once what loads
the rest of itself at its first use, and freeze what it has loaded.
"""

import gc
import io

import contourpy  # noqa: F401
import PIL.Image

import enthesis.pipeline.batch_watch
import enthesis.pipeline.measure_files  # noqa: F401
from enthesis import read
from enthesis.records import long_table
from enthesis.report.figures import new_figure
from enthesis.report.page import Page, Picture, Section, render
from enthesis.report.tables import Table

PIL.Image.preinit()
_ = (read.image, read.labels, read.sr)
_table = long_table([], subject="", session="")
_table.to_csv(io.StringIO())
_figure = new_figure(1, 1)
_figure.add_subplot().set_title("0")
render(
    Page(
        title="",
        sections=(
            Section(
                title="",
                pictures=(Picture(figure=_figure, alt=""),),
                tables=(Table(frame=_table, caption=""),),
            ),
        ),
    )
)

# A process that looks through its server's objects for garbage copies the pages they lie on.
gc.collect()
gc.freeze()
