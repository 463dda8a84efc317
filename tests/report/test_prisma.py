from enthesis.report.figures import svg
from enthesis.report.prisma import prisma_diagram
from enthesis.review import Flow

PAPER = {
    "databases": {"PubMed": 2000, "Embase": 1636},
    "duplicates": 99,
    "screened": 3537,
    "excluded": 3512,
    "assessed": 25,
    "excluded_reports": {"inappropriate comparator": 6, "irrelevant population": 5},
    "studies": 14,
}
OTHER = {
    "other_sources": {"Citations": 3},
    "other_sought": 2,
    "other_assessed": 2,
    "other_excluded": {"no muscle": 1},
    "studies": 15,
}


def words(ax):
    return " ".join(text.get_text() for text in ax.texts).replace("\N{NO-BREAK SPACE}", " ")


def boxes(ax):
    return [patch.get_bbox() for patch in ax.patches if patch.get_gid() == "box"]


def test_every_count_is_printed():
    text = words(prisma_diagram(Flow(**PAPER))).replace("\N{NARROW NO-BREAK SPACE}", "")
    for n in (3636, 2000, 1636, 99, 3537, 3512, 25, 11, 6, 5, 14):
        assert f"(n = {n})" in text


def test_boxes_that_are_not_reported_are_not_drawn():
    assert "sought" not in words(prisma_diagram(Flow(**PAPER)))
    full = prisma_diagram(Flow(**PAPER, sought=25, not_retrieved=0))
    assert "Reports sought for retrieval (n = 25)" in words(full)


def test_texts_stay_inside_their_boxes_and_boxes_apart():
    long = {"a reason that is long enough to need several lines of its box": 6, "other": 5}
    ax = prisma_diagram(Flow(**(PAPER | OTHER | {"excluded_reports": long})))
    found = boxes(ax)
    for i, one in enumerate(found):
        assert not any(one.overlaps(other) for other in found[i + 1 :])
    renderer = ax.figure.canvas.get_renderer()
    inverse = ax.transData.inverted()
    inside = 0
    for text in ax.texts:
        extent = text.get_window_extent(renderer).transformed(inverse)
        for box in found:
            x0, x1 = sorted((box.x0, box.x1))
            y0, y1 = sorted((box.y0, box.y1))
            middle = (extent.y0 + extent.y1) / 2
            if x0 <= extent.x0 <= x1 and y0 <= middle <= y1:
                assert extent.x1 <= x1
                inside += 1
    assert inside > 20


def test_the_same_flow_gives_the_same_bytes():
    one, other = (svg(prisma_diagram(Flow(**PAPER)).figure) for _ in range(2))
    assert one == other
