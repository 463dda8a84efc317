import pytest

from enthesis.diagnosis.opportunistic_ct import L1_COHORTS, l1_attenuation
from enthesis.errors import InputError
from enthesis.records import Measurement, Subject


def subject(hounsfield, *, level="L1", sex=None):
    return Subject(
        sex=sex,
        measurements=(
            Measurement(
                quantity="trabecular_attenuation",
                value=hounsfield,
                region="vertebral_body",
                level=level,
            ),
        ),
    )


@pytest.mark.parametrize(
    ("cohort", "sex", "hounsfield", "category"),
    [
        # Pickhardt 2013: <= 160 HU 90% sensitive, <= 110 HU more than 90% specific.
        ("pickhardt2013", None, 109.99, "osteoporosis likely"),
        ("pickhardt2013", None, 110, "osteoporosis likely"),
        ("pickhardt2013", None, 159.99, "osteoporosis possible"),
        ("pickhardt2013", None, 110.01, "osteoporosis possible"),
        ("pickhardt2013", None, 118, "osteoporosis possible"),
        ("pickhardt2013", None, 160, "osteoporosis possible"),
        ("pickhardt2013", None, 160.01, "osteoporosis unlikely"),
        # British cohort: 169 HU 90% sensitive, 104 HU 90% specific.
        ("british2023", None, 104, "osteoporosis likely"),
        ("british2023", None, 104.01, "osteoporosis possible"),
        ("british2023", None, 103.99, "osteoporosis likely"),
        ("british2023", None, 169, "osteoporosis possible"),
        ("british2023", None, 169.01, "osteoporosis unlikely"),
        ("british2023", None, 168.99, "osteoporosis possible"),
        # Abbouchie 2022: below 180 HU, women below 190 HU.
        ("australian2022", "female", 185, "osteoporosis possible"),
        ("australian2022", "female", 190, "osteoporosis unlikely"),
        ("australian2022", "male", 185, "osteoporosis unlikely"),
        ("australian2022", "female", 189.99, "osteoporosis possible"),
        ("australian2022", "female", 190.01, "osteoporosis unlikely"),
        ("australian2022", "male", 179.99, "osteoporosis possible"),
        ("australian2022", "male", 180, "osteoporosis unlikely"),
        ("australian2022", "male", 180.01, "osteoporosis unlikely"),
    ],
)
def test_bands_by_cohort(cohort, sex, hounsfield, category):
    found = l1_attenuation(subject(hounsfield, sex=sex), cohort=cohort)
    assert found.category == category


@pytest.mark.parametrize("cohort", list(L1_COHORTS))
def test_it_says_that_it_is_no_diagnosis(cohort):
    found = l1_attenuation(subject(90), cohort=cohort)
    assert not found.is_diagnosis
    assert "This is not a diagnosis" in found.statement
    assert found.used["trabecular attenuation of L1"] == "90.0 HU"


def test_without_l1_it_cannot_tell():
    found = l1_attenuation(subject(90, level="L2"))
    assert found.category == "cannot tell"
    (missing,) = found.missing
    assert missing.startswith("trabecular attenuation of L1 (at or below 110 HU: osteoporosis")
    assert missing.endswith("possible; above 160 HU: osteoporosis unlikely)")


def test_an_unmeasurable_l1_counts_as_missing():
    assert l1_attenuation(subject(float("nan"))).category == "cannot tell"


def test_an_unknown_sex_is_named_where_it_would_decide():
    found = l1_attenuation(subject(185), cohort="australian2022")
    assert found.category == "cannot tell"
    assert found.missing == ("sex (female: osteoporosis possible; male: osteoporosis unlikely)",)
    assert l1_attenuation(subject(150), cohort="australian2022").missing == ()
    assert l1_attenuation(subject(200), cohort="australian2022").category == "osteoporosis unlikely"


def test_an_unknown_cohort_is_refused():
    with pytest.raises(InputError, match="no cohort named 'pickhardt'; known are: pickhardt2013"):
        l1_attenuation(subject(90), cohort="pickhardt")
