import doctest
from pathlib import Path

import pytest

from enthesis import evidence

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(page for page in DOCS.glob("*.md") if ">>> " in page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_is_what_comes_out(page):
    failed, tried = doctest.testfile(
        str(page), module_relative=False, encoding="utf-8", optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 0
    assert failed == 0


def test_every_model_of_the_evidence_room_is_on_the_page_for_metafor_users():
    text = (DOCS / "coming_from_metafor.md").read_text(encoding="utf-8")
    jobs = [name for name in evidence.__all__ if name[0].islower()]
    helpers = {
        "contrast",  # of a robust fit, in its docstring
        "funnel_data",
        "harmonise_direction",
        "hierarchical_effects",
        "mean_from_quantiles",
        "bootstrap",
        "cluster_influence",
        "sd_from_interval",
        "sd_from_p",
        "sd_from_quantiles",
        "sd_from_se",
        "sd_from_t",
        "skewness_test",
        "split_shared_group",
        "to_log_scale",
    }
    assert [name for name in jobs if f"{name}(" not in text and name not in helpers] == []
