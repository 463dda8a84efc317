import pytest

from enthesis._optional import optional
from enthesis.errors import InputError


def test_a_module_that_is_there_is_given():
    assert optional("json.decoder", extra="review", purpose="reading").JSONDecoder


def test_one_that_is_not_names_the_extra():
    with pytest.raises(
        InputError, match=r"reading X needs the package 'nowhere'.*enthesis\[review\]"
    ):
        optional("nowhere.inside", extra="review", purpose="reading X")


def test_a_broken_module_raises_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("import nowhere_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        optional("broken_module", extra="review", purpose="reading X")
