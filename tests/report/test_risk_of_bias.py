import pandas as pd
import pytest

from enthesis.report.risk_of_bias import LIGHTS, bias_summary, traffic_lights
from enthesis.review import JBI_BANDS, appraise, instrument


def appraisal(key, by_study, **more):
    items = [item.key for item in instrument(key).items]
    rows = [
        (study, item, rater, answer)
        for study, answers in by_study.items()
        for rater in ("AB", "CD")
        for item, answer in zip(items, answers, strict=True)
    ]
    return appraise(pd.DataFrame(rows, columns=["study", "item", "rater", "answer"]), key, **more)


ROB = {
    "Smith 2020": ["low"] * 5,
    "Lefèvre $ Co 2021": ["low", "high", "low", "some concerns", "low"],
}


def gids(ax):
    return [patch.get_gid() for patch in ax.patches]


def test_there_is_a_light_for_every_cell_and_for_the_whole():
    found = gids(traffic_lights(appraisal("rob2", ROB)))
    # Ten cells, two overall, and one light of each kind in the legend.
    assert len(found) == 10 + 2 + 3
    assert found.count("light-high") == 1 + 1 + 1


def test_bars_are_as_long_as_the_studies_are_many():
    ax = bias_summary(appraisal("rob2", ROB))
    widths = [patch.get_width() for patch in ax.patches if patch.get_gid() == "share"]
    assert sum(widths) == pytest.approx(300 * 6)
    assert widths[:2] == pytest.approx([300, 150])


def test_every_light_has_its_own_colour_and_sign():
    assert len({color for color, _ in LIGHTS.values()}) == len(LIGHTS)
    signs = [sign for _, sign in LIGHTS.values() if sign]
    assert len(set(signs)) == len(signs)


def test_jbi_bands_are_drawn_only_if_asked():
    answers = {"Smith 2020": ["yes"] * 4 + ["no"] * 2 + ["unclear", "not applicable"]}
    without = traffic_lights(appraisal("jbi_cross_sectional", answers))
    assert "Overall" not in [text.get_text() for text in without.texts]
    banded = traffic_lights(appraisal("jbi_cross_sectional", answers, bands=JBI_BANDS))
    assert "Overall" in [text.get_text() for text in banded.texts]
    assert "light-some" in gids(banded)


def test_agreement_and_topics_are_in_the_caption():
    text = " ".join(text.get_text() for text in traffic_lights(appraisal("rob2", ROB)).texts)
    assert "they agreed on 100% of 10 items" in text
    assert "D1 Randomisation" in text
