"""The plan of a review: read, checked key by key, and refused by the name of the key."""

import pytest

from enthesis.errors import InputError
from enthesis.pipeline.review_run.plan_file import default_plan_text, parse_plan, read_plan

DATA = '[data]\ntable = "effects.csv"\n'


def parsed(text, tmp_path):
    return parse_plan(text, folder=tmp_path)


def test_the_default_plan_is_the_papers():
    plan = read_plan()
    csa, fi = plan.subgroups
    assert (len(csa.cells["muscle"]), len(csa.cells["comparison"])) == (4, 5)
    assert (len(fi.cells["muscle"]), len(fi.cells["comparison"])) == (3, 3)
    assert [one.name for one in plan.models] == ["Model 1", "Model 2"]
    assert (plan.robust.kind, plan.robust.rho) == ("CR2", 0.7)
    assert [one.model.name for one in plan.sensitivity] == ["ICC reporting", "Measurement approach"]
    assert plan.data.table is None


def test_the_printed_plan_is_the_default_plan(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(default_plan_text(), encoding="utf-8")
    assert read_plan(path).models == read_plan().models


def test_files_are_sought_beside_the_plan(tmp_path):
    assert parsed(DATA, tmp_path).data.table == tmp_path / "effects.csv"


def test_a_plan_with_nothing_but_data_is_enough(tmp_path):
    plan = parsed(DATA, tmp_path)
    assert plan.models == ()
    assert plan.living is None
    assert plan.printed("bone_density") == "Bone density"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = 1", "title wants a text, got 1"),
        ("[robust]\nrho = 1.5", r"robust.rho wants a number from 0 to 0.999, got 1.5"),
        ('[robust]\nkind = "CR9"', "robust.kind wants one of"),
        ("[modells]", "no key 'modells'; did you mean 'models'"),
        ("[bias]\neggre = true", "no key 'bias.eggre'; did you mean 'egger'"),
        ("[[subgroups]]\nname = 'a'", r"subgroups\[1\].cells wants one or two columns"),
        ("[[models]]\nmoderators = ['age']", r"models\[1\].name is missing"),
        (
            "[[models]]\nname = 'a'\n[[models]]\nname = 'a'",
            "the name 'a' twice",
        ),
        (
            "[[sensitivity]]\nname = 'a'\nmodel = 'none'",
            r"sensitivity\[1\].model wants the name of one of its models",
        ),
        ("[[models]]\nname = 'a'\nmoderators = ['age', 'age']", "lists 'age' twice"),
        ("[", "not TOML"),
    ],
)
def test_a_wrong_key_is_named(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        parsed(text, tmp_path)


def test_a_plan_that_is_not_there_says_how_to_get_one(tmp_path):
    with pytest.raises(InputError, match="enthesis review plan"):
        read_plan(tmp_path / "none.toml")
