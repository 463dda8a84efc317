import importlib.util
import re
from pathlib import Path

import pytest

from enthesis.errors import InputError
from enthesis.quantities import CODES, QUANTITIES, SOURCES, UCUM, quantity
from enthesis.quantities.bone import BONE
from enthesis.quantities.composition import COMPOSITION
from enthesis.quantities.imaging import IMAGING
from enthesis.quantities.microarchitecture import MICROARCHITECTURE
from enthesis.quantities.muscle import MUSCLE
from enthesis.quantities.person import PERSON
from enthesis.quantities.radiograph import RADIOGRAPH
from enthesis.quantities.vertebra import VERTEBRA

SCRIPT = Path(__file__).parent.parent / "docs" / "make_quantities.py"


def test_the_page_of_quantities_is_current():
    spec = importlib.util.spec_from_file_location("make_quantities", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = script.PAGE.read_text(encoding="utf-8")
    assert written == script.page(), "run python docs/make_quantities.py"


@pytest.mark.parametrize("name", sorted(QUANTITIES))
def test_every_quantity_has_a_unit_a_label_a_definition_and_a_source(name):
    one = quantity(name)
    assert one.name == name
    # An empty unit is a pure number; a unit in blanks would be a slip.
    assert one.unit == one.unit.strip()
    assert one.label and one.decimals >= 0
    assert one.definition.endswith(".")
    assert one.source == SOURCES[name] and one.source.strip()
    assert "|" not in one.definition + one.source, "a bar would break the page's table"


@pytest.mark.parametrize("name", sorted(QUANTITIES))
def test_every_source_is_a_dated_paper_or_says_that_it_is_a_definition(name):
    assert SOURCES[name].startswith("definition: ") or re.search(r"\b(19|20)\d\d\b", SOURCES[name])


def test_no_quantity_stands_twice_in_the_catalogue():
    rows = (
        *IMAGING,
        *MUSCLE,
        *COMPOSITION,
        *PERSON,
        *BONE,
        *RADIOGRAPH,
        *VERTEBRA,
        *MICROARCHITECTURE,
    )
    names = [name for name, *_ in rows]
    assert sorted(names) == sorted(QUANTITIES)


def test_every_code_belongs_to_a_quantity_and_every_unit_spelling_to_a_unit():
    assert set(CODES) <= set(QUANTITIES)
    assert set(UCUM) <= {one.unit for one in QUANTITIES.values()}


def test_an_unknown_quantity_is_refused():
    with pytest.raises(InputError, match="no quantity named 'fatness'"):
        quantity("fatness")
