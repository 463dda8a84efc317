import json

import numpy as np
import pytest

from enthesis import phantom
from enthesis.image import Image
from enthesis.phantom import LumbarBody
from enthesis.pipeline.calibrated import RodPhantom, calibrated, rod_phantom
from enthesis.pipeline.measure import measure
from enthesis.records import Subject

CERTIFICATE = 'material = "CaHA"\ndensities = [0, 50, 100, 150, 200]\n'


@pytest.fixture(scope="module")
def made():
    return phantom.lumbar_ct(
        LumbarBody(rods="CaHA"), spacing_mm=(1.5, 1.5, 3.0), rng=np.random.default_rng(2)
    )


@pytest.fixture
def certificate(tmp_path):
    def written(text):
        path = tmp_path / "rods.toml"
        path.write_text(text)
        return path

    return written


def test_a_scan_with_rods_gives_the_bodys_density_to_2_mg_and_2_percent(made, certificate):
    line = calibrated(made.image, rod_phantom(certificate(CERTIFICATE)))
    woman = Subject(sex="female", age=70)
    result = measure(made.image, made.labels, subject=woman, calibrated=line)
    density = {
        m.level: m.value
        for m in result.measurements
        if (m.quantity, m.region) == ("trabecular_bmd", "vertebral_body")
    }
    truth = {m.level: m.value for m in made.truth if m.quantity == "trabecular_bmd"}
    for level, true in truth.items():
        assert density[level] == pytest.approx(true, abs=2 + 0.02 * true), level
    findings = {f.criterion: f for f in result.findings}
    assert findings["QCT of the spine, Chinese consensus 2020"].category == "low bone mass"
    # HU stay what they were: calibration adds measures and changes none.
    before = {
        (m.quantity, m.region, m.side, m.level, m.method): m.value
        for m in measure(made.image, made.labels, subject=woman).measurements
    }
    after = {
        (m.quantity, m.region, m.side, m.level, m.method): m.value for m in result.measurements
    }
    assert before.items() <= after.items()
    assert json.loads(json.dumps(result.to_dict()))["calibration"]["material"] == "CaHA"


def test_rods_at_given_places_give_the_line_of_those_that_are_found(made, certificate):
    found = calibrated(made.image, rod_phantom(certificate(CERTIFICATE)))
    places = [list(rod.centre_mm) for rod in found.rods]
    text = f"{CERTIFICATE}centres_mm = {places}\nradius_mm = {found.rods[0].radius_mm}\n"
    given = calibrated(made.image, rod_phantom(certificate(text)))
    assert given.calibration.slope == pytest.approx(found.calibration.slope, rel=1e-9)


def test_rods_of_water_and_salt_are_fitted_as_the_qct_pro_guide_prints():
    # The guide's own certificate and HU, as small discs in a slab: slope 0.800283, 8.122907.
    hounsfield = (-69.549, -35.378, 176.712, 345.738, 462.936)
    values = np.zeros((150, 30, 3), dtype=np.float32)
    i, j, _ = np.indices(values.shape)
    for n, value in enumerate(hounsfield):
        values[(i - 15 - 30 * n) ** 2 + (j - 15) ** 2 < 100] = value
    certificate = RodPhantom(
        material="K2HPO4",
        densities=(-51.83, -53.40, 58.88, 157.05, 375.83),
        water=(1012.25, 1056.95, 1103.57, 1119.52, 923.20),
        centres_mm=tuple((15.0 + 30 * n, 15.0, 1.0) for n in range(5)),
        radius_mm=10.0,
    )
    image = Image(array=values, affine=np.eye(4), quantity="hounsfield")
    line = calibrated(image, certificate).calibration
    assert line.slope == pytest.approx(0.800283, abs=5e-6)
    assert line.intercept == pytest.approx(8.122907, abs=5e-4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("material = 'salt'\ndensities = [0, 1]", "material is one of K2HPO4, CaHA, got 'salt'"),
        ("material = 'CaHA'\ndensities = [200, 0]", "from low to high"),
        ("material = 'CaHA'\ndensities = [0]", "two rods or more"),
        ("material = 'CaHA'\ndensities = ['0', 1]", "densities holds numbers"),
        ("material = 'CaHA'\ndensities = [0, 1]\nwater = [1]", "2 densities, but 1 of water"),
        ("material = 'CaHA'\ndensities = [0, 1]\nwater = [1, 2]", "certified in K2HPO4"),
        ("material = 'CaHA'\ndensities = [0, 1]\nradius_mm = 9", "go together"),
        ("material = 'CaHA'\nrods = [0, 1]", "unknown key 'rods'"),
        ("material = ", "is no TOML"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_refused(certificate, text, said):
    with pytest.raises(ValueError, match=said):
        rod_phantom(certificate(text))


def test_a_scan_without_a_phantom_is_refused(certificate):
    bare = phantom.lumbar_ct(spacing_mm=(3.0, 3.0, 5.0), rng=np.random.default_rng(2))
    with pytest.raises(ValueError, match="a row of 5 rods"):
        calibrated(bare.image, rod_phantom(certificate(CERTIFICATE)))
