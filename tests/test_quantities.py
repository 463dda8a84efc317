import importlib.util
from pathlib import Path

import pytest

from enthesis.errors import InputError
from enthesis.quantities import QUANTITIES, SOURCES, quantity

SCRIPT = Path(__file__).parent.parent / "docs" / "make_quantities.py"


def test_the_page_of_quantities_is_current():
    spec = importlib.util.spec_from_file_location("make_quantities", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = script.PAGE.read_text(encoding="utf-8")
    assert written == script.page(), "run python docs/make_quantities.py"


@pytest.mark.parametrize("name", sorted(QUANTITIES))
def test_every_quantity_is_defined_by_a_sentence(name):
    one = quantity(name)
    assert one.name == name
    assert one.definition.endswith(".") and "|" not in one.definition
    assert one.label


def test_every_source_belongs_to_a_quantity():
    assert set(SOURCES) <= set(QUANTITIES)


def test_an_unknown_quantity_is_refused():
    with pytest.raises(InputError, match="no quantity named 'fatness'"):
        quantity("fatness")
