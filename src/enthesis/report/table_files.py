"""Tables as files: CSV for programs, HTML to paste into a manuscript, LaTeX."""

from __future__ import annotations

import csv
import io
from html import escape

from enthesis.report.tables import PrintedTable, Table, printed

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "\N{MINUS SIGN}": r"$-$",
    "\N{EN DASH}": "--",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "\N{INFINITY}": r"$\infty$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "ρ": r"$\rho$",
    "σ": r"$\sigma$",
    "τ": r"$\tau$",
    "χ": r"$\chi$",
}
"""What LaTeX would read as something else, or its fonts lack."""

HTML_STYLE = (
    "table{border-collapse:collapse;border-top:1.5pt solid;border-bottom:1.5pt solid;"
    "font:10pt 'Times New Roman',serif}"
    "th,td{padding:2pt 6pt;text-align:left;vertical-align:top}"
    "thead th{border-bottom:.75pt solid}.n{text-align:right}"
    "caption{text-align:left;font-weight:bold;padding-bottom:4pt}"
    "p{font:9pt 'Times New Roman',serif}"
)


def table_csv(table: Table) -> str:
    """The table's text as CSV with true minus signs made plain, footnotes in a last column."""
    text = printed(table)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*text.headers, *(["note"] if text.footnotes else [])])
    for row, marks in zip(text.rows, text.marks, strict=True):
        notes = ["; ".join(text.footnotes[i - 1] for i in marks)] if text.footnotes else []
        writer.writerow([*map(_plain, row), *notes])
    return stream.getvalue()


def table_html(table: Table) -> str:
    """The table as a small HTML document that word processors take over with its rules."""
    text = printed(table)
    lines = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(table.caption)}</title><style>{HTML_STYLE}</style></head><body>",
        f"<table><caption>{escape(table.caption)}</caption><thead><tr>",
        *(
            f"<th{_aligned(numeric)}>{escape(header)}</th>"
            for header, numeric in zip(text.headers, text.numeric, strict=True)
        ),
        "</tr></thead><tbody>",
    ]
    for row, marks in zip(text.rows, text.marks, strict=True):
        sup = f"<sup>{','.join(map(str, marks))}</sup>" if marks else ""
        cells = [
            f"<td{_aligned(numeric)}>{escape(cell)}{sup if i == 0 else ''}</td>"
            for i, (cell, numeric) in enumerate(zip(row, text.numeric, strict=True))
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    lines.append("</tbody></table>")
    lines += [
        f"<p><sup>{i}</sup> {escape(note)}</p>" for i, note in enumerate(text.footnotes, start=1)
    ]
    lines += [f"<p>{escape(note)}</p>" for note in table.notes]
    return "\n".join([*lines, "</body></html>", ""])


def table_latex(table: Table) -> str:
    r"""The table as LaTeX for the package booktabs, ready to \input."""
    text = printed(table)
    columns = "".join("r" if numeric else "l" for numeric in text.numeric)
    lines = [
        r"\begin{table}",
        rf"\caption{{{_latex(table.caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _latex_row(text.headers),
        r"\midrule",
        *_latex_rows(text),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    notes = [
        rf"\textsuperscript{{{i}}} {_latex(note)}" for i, note in enumerate(text.footnotes, start=1)
    ]
    notes += [_latex(note) for note in table.notes]
    if notes:
        lines.append(r"\par\smallskip\footnotesize " + r"\par ".join(notes))
    return "\n".join([*lines, r"\end{table}", ""])


def _latex_rows(text: PrintedTable) -> list[str]:
    lines = []
    for row, marks in zip(text.rows, text.marks, strict=True):
        sup = rf"\textsuperscript{{{','.join(map(str, marks))}}}" if marks else ""
        first, *others = map(_latex, row)
        lines.append(" & ".join([first + sup, *others]) + r" \\")
    return lines


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"


def _latex(text: str) -> str:
    # A cell that begins with a bracket would else be read as an option of the row before it.
    escaped = "".join(LATEX.get(letter, letter) for letter in text)
    return f"{{{escaped}}}" if escaped.startswith("[") else escaped


def _plain(text: str) -> str:
    return text.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")


def _aligned(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
