"""From bibliographic records to included studies, appraised and extracted."""

from __future__ import annotations

from enthesis.review.agreement import Agreement, cohen_kappa
from enthesis.review.appraisal import JBI_BANDS, Appraisal, appraise, rating_form
from enthesis.review.checklist import prisma_checklist
from enthesis.review.deduplicate import (
    Deduplication,
    DuplicateAccuracy,
    deduplicate,
    duplicate_accuracy,
)
from enthesis.review.exchange import (
    asreview_table,
    import_asreview,
    import_rayyan,
    rayyan_table,
)
from enthesis.review.extraction import (
    CheckedSheet,
    check_sheet,
    differences,
    problems_text,
    read_extraction,
    settle,
)
from enthesis.review.flow import Flow, flow_of
from enthesis.review.formats import read_records
from enthesis.review.instruments import INSTRUMENTS, Instrument, instrument
from enthesis.review.library import read_library, write_library
from enthesis.review.ranking import WorkSaved, rank, work_saved
from enthesis.review.records import (
    EMPTY,
    RECORD_COLUMNS,
    Library,
    Search,
    add_search,
    tidy_records,
)
from enthesis.review.screening import NOT_RETRIEVED, Screening
from enthesis.review.sheets import write_template

__all__ = [
    "EMPTY",
    "INSTRUMENTS",
    "JBI_BANDS",
    "NOT_RETRIEVED",
    "RECORD_COLUMNS",
    "Agreement",
    "Appraisal",
    "CheckedSheet",
    "Deduplication",
    "DuplicateAccuracy",
    "Flow",
    "Instrument",
    "Library",
    "Screening",
    "Search",
    "WorkSaved",
    "add_search",
    "appraise",
    "asreview_table",
    "check_sheet",
    "cohen_kappa",
    "deduplicate",
    "differences",
    "duplicate_accuracy",
    "flow_of",
    "import_asreview",
    "import_rayyan",
    "instrument",
    "prisma_checklist",
    "problems_text",
    "rank",
    "rating_form",
    "rayyan_table",
    "read_extraction",
    "read_library",
    "read_records",
    "settle",
    "tidy_records",
    "work_saved",
    "write_library",
    "write_template",
]
