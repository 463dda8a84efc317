import math

import dicom_series
import numpy as np
import pydicom
import pytest
from data import real
from dicom_validators import errors_of_dciodvfy, printed_by

from enthesis import read
from enthesis.errors import InputError
from enthesis.quantities import QUANTITIES
from enthesis.records import Measurement, long_table

hd = pytest.importorskip("highdicom")

AREA = Measurement(
    quantity="area",
    value=1234.5678901234567,
    region="psoas_major",
    side="left",
    level="L3",
    method="mean of the slices in the middle third of L3, “whole” pixels (≤ 2 mm²)",
    flags=("reaches the edge of the scan: the region may be cut off", "two; flags"),
)
MEASURED = (
    AREA,
    Measurement(
        quantity="muscle_attenuation",
        value=math.nan,
        region="psoas_major",
        side="left",
        level="L3",
        method="-29 to 150 HU",
        flags=("no voxel lies between -29 and 150 HU",),
    ),
    Measurement(quantity="attenuation_mean", value=41.5, region="vertebra", level="L3"),
    Measurement(quantity="attenuation_sd", value=9.25, region="vertebra", level="L3"),
    Measurement(quantity="attenuation_median", value=40, region="vertebral_body", level="L1"),
    Measurement(quantity="volume", value=0.1, region="intervertebral_disc", level="L4_L5"),
    Measurement(quantity="t_score", value=-2.6, region="femoral_neck"),
    Measurement(quantity="grip_strength", value=20.0, region=""),
)


@pytest.fixture
def scan(tmp_path):
    pixels = dicom_series.stored_pixels(3)
    return dicom_series.save(tmp_path / "scan", dicom_series.named_series(pixels))


@pytest.fixture
def written(scan, tmp_path):
    path = tmp_path / "measurements.dcm"
    read.write_sr(MEASURED, scan, path)
    return path


def test_measurements_come_back_to_the_last_digit(written):
    back = read.sr(written)
    assert back.left_out == ()
    assert back.measurements[0] == AREA
    table, wanted = (long_table(each) for each in (back.measurements, MEASURED))
    assert table.equals(wanted)


def test_every_quantity_that_we_know_has_codes_that_come_back(scan, tmp_path):
    all_of_them = [
        Measurement(quantity=name, value=1.0, region="liver") for name in sorted(QUANTITIES)
    ]
    read.write_sr(all_of_them, scan, tmp_path / "sr.dcm")
    assert list(read.sr(tmp_path / "sr.dcm").measurements) == all_of_them
    assert errors_of_dciodvfy(tmp_path / "sr.dcm") == []


def test_highdicom_reads_the_same_numbers_units_and_codes(written, scan):
    report = hd.sr.srread(written)
    groups = report.content.get_image_measurement_groups()
    assert groups[0].tracking_identifier == "psoas_major left L3"
    (area,) = groups[0].get_measurements()
    assert (area.name.value, area.value, area.unit.value) == ("42798000", AREA.value, "mm2")
    (missing,) = groups[0].get_qualitative_evaluations()
    assert missing.value.meaning == "Not a number"
    mean, sd = groups[1].get_measurements()
    assert mean.unit.value == "[hnsf'U]"
    assert (mean.derivation.meaning, sd.derivation.meaning) == ("Mean", "Standard Deviation")
    assert groups[1].finding_type.value == "36470004"
    sources = {pydicom.dcmread(path).SOPInstanceUID for path in scan.iterdir()}
    said = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert {each.ReferencedSOPInstanceUID for each in said.ReferencedSOPSequence} == sources


def test_dcmtk_and_dicom3tools_accept_the_report(written):
    tree = printed_by("dsrdump", written)
    assert '"Area")="1234.56789012346" (mm2,UCUM' in tree
    assert "Topographical modifier" in tree
    assert errors_of_dciodvfy(written) == []


def test_nothing_of_the_patient_is_in_a_report(written):
    content = written.read_bytes()
    for word in dicom_series.NAMING:
        assert word not in content
    assert pydicom.dcmread(written).PatientIdentityRemoved == "YES"


def test_reports_of_other_programs_are_read_as_far_as_they_are_known():
    cord = read.sr(real("highdicom/sr_document.dcm"))
    # 1.7 cm2 of "Spinal cord", coded in SNOMED's older letters.
    (area,) = cord.measurements
    assert (area.quantity, area.value, area.region) == ("area", 170.0, "spinal_cord")
    many = read.sr(real("highdicom/sr_document_with_multiple_groups.dcm"))
    (volume,) = many.measurements
    assert (volume.quantity, volume.value, volume.region) == ("volume", 200.0, "vertebra")
    assert many.left_out == (
        "'Intensity Histogram Mean' is no quantity of ours",
        "'Diameter' is no quantity of ours",
        "'Diameter' is no quantity of ours",
    )


def edited(path, edit):
    dataset = pydicom.dcmread(path)
    groups = dataset.ContentSequence[-1].ContentSequence
    edit(next(item for item in groups[0].ContentSequence if item.ValueType == "NUM"), groups[0])
    dataset.save_as(path)
    return path


def test_a_number_in_an_unknown_unit_is_left_out_with_its_reason(written):
    def in_furlongs(number, _):
        number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = "[fur_us]2"

    back = read.sr(edited(written, in_furlongs))
    assert len(back.measurements) == len(MEASURED) - 1
    assert back.left_out == ("'Area': the unit '[fur_us]2' is not 'mm2', the unit of area",)


def test_a_number_of_an_unknown_region_is_left_out_with_its_reason(written):
    def of_the_moon(_, group):
        for item in group.ContentSequence:
            if (
                item.ValueType == "CODE"
                and "Finding" in item.ConceptNameCodeSequence[0].CodeMeaning
            ):
                item.ConceptCodeSequence[0].CodingSchemeDesignator = "SCT"
                item.ConceptCodeSequence[0].CodeMeaning = "Moon"

    back = read.sr(edited(written, of_the_moon))
    assert back.left_out[0] == "'Area' is of 'Moon' in 'Moon', no region of ours"


def test_a_number_without_value_is_not_a_number(written):
    def empty(number, _):
        number.MeasuredValueSequence = []

    assert math.isnan(read.sr(edited(written, empty)).measurements[0].value)


def test_what_is_no_measurement_report_is_refused(scan, written, tmp_path):
    with pytest.raises(InputError, match="modality 'CT', not SR"):
        read.sr(next(scan.iterdir()))
    with pytest.raises(InputError, match="read\\.sr"):
        read.image(written)
    dataset = pydicom.dcmread(written)
    dataset.ConceptNameCodeSequence[0].CodeValue = "1"
    dataset.save_as(tmp_path / "other.dcm")
    with pytest.raises(InputError, match="no imaging measurement report"):
        read.sr(tmp_path / "other.dcm")
    (tmp_path / "note.dcm").write_text("no DICOM")
    with pytest.raises(InputError, match="not a DICOM file"):
        read.sr(tmp_path / "note.dcm")


def test_nothing_and_infinity_are_not_written(scan, tmp_path):
    with pytest.raises(InputError, match="no measurement"):
        read.write_sr([], scan, tmp_path / "sr.dcm")
    endless = Measurement(quantity="area", value=np.inf, region="liver")
    with pytest.raises(InputError, match="is infinite"):
        read.write_sr([endless], scan, tmp_path / "sr.dcm")
    assert not (tmp_path / "sr.dcm").exists()


def test_a_damaged_report_is_read_or_refused_and_never_crashes(written, tmp_path):
    whole = written.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for n in range(60):
        content = bytearray(whole)
        if n % 3 == 0:
            content = content[: rng.integers(140, len(content))]
        for place in rng.integers(132, len(content), 4):
            content[place] = rng.integers(256)
        (tmp_path / "damaged.dcm").write_bytes(content)
        try:
            read.sr(tmp_path / "damaged.dcm")
        except InputError:
            refused += 1
    # Identifiers differ from run to run, and so does what the damage hits.
    assert refused >= 10
