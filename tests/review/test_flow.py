from dataclasses import replace

import pytest

from enthesis.errors import InputError
from enthesis.review import (
    EMPTY,
    NOT_RETRIEVED,
    Flow,
    Screening,
    add_search,
    flow_of,
    prisma_checklist,
    tidy_records,
)


def paper(**changes):
    """The flow that a published review prints (PROSPERO CRD420251026322, figure 2)."""
    counts = {
        "databases": {"PubMed, Embase, Cochrane Library and Wanfang": 3636},
        "duplicates": 99,
        "screened": 3537,
        "excluded": 3512,
        "assessed": 25,
        "excluded_reports": {"not specified": 11},
        "studies": 14,
    }
    return Flow(**(counts | changes))


def test_the_published_flow_adds_up():
    flow = paper()
    assert flow.identified - flow.removed == 3537
    assert flow.to_frame()["n"].tolist() == [3636, 99, 0, 0, 3537, 3512, 25, 11, 14]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duplicates": 98}, "'records screened' holds 3537, but .* make it 3538"),
        ({"excluded": 3511}, "'reports assessed for eligibility' holds 25, .* make it 26"),
        ({"sought": 24}, "'reports sought for retrieval' holds 24, .* make it 25"),
        ({"not_retrieved": 1}, "'reports assessed for eligibility' holds 25, .* make it 24"),
        ({"excluded_reports": {"a": 5, "b": 5}}, "'studies included' holds 14, .* make it 15"),
        ({"excluded_reports": {"a": 26}}, "'reports excluded' holds 26, more than the 25"),
        ({"studies": 13}, "'studies included' holds 13, .* make it 14"),
        ({"reports": 13}, "'reports of included studies' holds 13"),
        ({"studies": 15, "reports": 14}, "'studies included' holds 15, more than the 14 reports"),
        ({"pooled": 15}, "'studies in the meta-analysis' holds 15"),
        ({"duplicates": -1}, "'duplicates' holds a count of 0 or more, not -1"),
        ({"databases": {"PubMed": 3.5}}, "'databases, PubMed' holds a count"),
        ({"other_sources": {"citations": 2}, "other_sought": 3}, "holds 3, more than the 2"),
        (
            {"other_sources": {"citations": 2}, "other_sought": 2, "other_assessed": 1},
            r"\(other methods\)' holds 1, .* make it 2",
        ),
    ],
)
def test_counts_that_do_not_add_up_name_the_box(change, message):
    with pytest.raises(InputError, match=message):
        paper(**change)


def test_other_methods_and_earlier_versions_join_at_the_end():
    flow = paper(
        other_sources={"citations": 5},
        other_sought=4,
        other_not_retrieved=1,
        other_assessed=3,
        other_excluded={"no muscle": 1},
        studies=16,
    )
    assert flow.studies == 16
    assert paper(previous_studies=6, studies=20).studies == 20


def test_a_review_done_here_gives_its_own_flow(tmp_path):
    first = tidy_records([{"title": f"T {i}"} for i in range(6)], database="PubMed")
    second = tidy_records([{"title": "T 0"}, {"title": "T 1"}], database="Embase")
    library = add_search(EMPTY, first, date="2025-01-25", query="q")
    library = add_search(library, second, date="2025-01-25", query="q")
    screening = Screening(tmp_path / "s.sqlite", records=first)
    with pytest.raises(InputError, match="title_abstract is not finished: 6 unscreened"):
        flow_of(library, screening)
    names = first["record"].tolist()
    reasons = ("", "", NOT_RETRIEVED, "no muscle")
    for person in ("AB", "CD"):
        for i, name in enumerate(names):
            decision = "include" if i < 4 else "exclude"
            screening.decide(name, decision, stage="title_abstract", reviewer=person)
    for person in ("AB", "CD"):
        for name, reason in zip(names, reasons, strict=False):
            decision = "exclude" if reason else "include"
            screening.decide(name, decision, stage="full_text", reviewer=person, reason=reason)
    flow = flow_of(library, screening, studies=1)
    assert flow.databases == {"PubMed": 6, "Embase": 2}
    assert (flow.duplicates, flow.screened, flow.excluded) == (2, 6, 2)
    assert (flow.sought, flow.not_retrieved, flow.assessed) == (4, 1, 3)
    assert flow.excluded_reports == {"no muscle": 1}
    assert (flow.studies, flow.reports) == (1, 2)
    with pytest.raises(InputError, match="library does not have"):
        flow_of(replace(library, records=library.records.iloc[1:]), screening)


def test_the_checklist_has_all_items_in_order():
    table = prisma_checklist({"16a": "Figure 2"})
    numbers = list(dict.fromkeys(int("".join(filter(str.isdigit, x))) for x in table["item"]))
    assert numbers == list(range(1, 28))
    assert len(table) == 42
    assert table.set_index("item").loc["16a", "reported"] == "Figure 2"
    with pytest.raises(InputError, match="no item '13'"):
        prisma_checklist({"13": "page 4"})
