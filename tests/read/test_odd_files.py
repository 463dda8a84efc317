"""Every file that others found odd is read, or refused with a reason, in time and in proportion."""

from __future__ import annotations

import re
import time
import tracemalloc
from fnmatch import fnmatch
from pathlib import Path

import pytest
from data import real

from enthesis import read
from enthesis.errors import InputError

LONGEST_S = 20.0
"""A second would do; a busy machine is given time."""

MEMORY_BYTES, MEMORY_RATIO = 1 << 26, 20
"""What reading one file may take besides its own size, and times its size."""

PATHS = (
    "bonebox_trab_uct",
    "dcm_qa_ct_ge",
    "dxa_gelunar_dxaconv",
    "highdicom",
    "moose_neck_ct",
    "ormir_xct",
    "pqct_stratec_fiji",
    "pydicom_data",
    "qct_phantom_kuczynski",
    "qmritools_leg",
    "timtrack_us",
    "totalsegmentator",
    "tptbox_samples",
    "verse004",
)

REFUSED = {
    "dxa_gelunar_dxaconv/*": "states no length of a pixel",
    "highdicom/seg_*": "a segmentation, which `read.labels` reads",
    "highdicom/sr_*": "a report, which `read.sr` reads",
    "pqct_stratec_fiji/[CS]*.m01": "no reconstructed Stratec slice",
    "pydicom_data/liver*": "a segmentation, which `read.labels` reads",
    "pydicom_data/US1_J2KR.dcm": "states no scale",
    "pydicom_data/eCT_Supplemental.dcm": "is in 'ml/100ml/s', not HU",
    "pydicom_data/emri_small*": "no usable position",
    "pydicom_data/?lut_*": "states no length of a pixel",
    "pydicom_data/parametric_map_float.dcm": "name its quantity",
    "*/spine_report.nii.gz": "holds colours",
}
"""Scans that cannot be read without a word more, and what is said of them."""

NO_SCANS = (".csv", ".json", ".md", ".png", ".jpg", ".xlsx", ".txt", ".typ", ".mat", ".npy")

DOORS = (read.image, read.labels, read.sr, read.series, read.echoes)


def _files() -> dict[str, Path]:
    return {
        file.relative_to(real(".")).as_posix(): file
        for name in PATHS
        for file in sorted(real(name).rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def files():
    found = _files()
    assert len(found) > 250
    return found


def test_no_file_crashes_hangs_or_takes_memory_out_of_proportion(files):
    # Imported before anything is traced.
    for door in DOORS:
        with pytest.raises(InputError):
            door(files["highdicom/README.md"])
    faults = []
    for name, file in files.items():
        allowed = MEMORY_BYTES + MEMORY_RATIO * file.stat().st_size
        for door in DOORS:
            tracemalloc.start()
            start = time.perf_counter()
            try:
                door(file)
            except InputError as error:
                if len(str(error)) < 20:
                    faults.append(f"{door.__name__} {name}: no reason but {error}")
            except Exception as error:
                faults.append(f"{door.__name__} {name}: {error!r}")
            seconds = time.perf_counter() - start
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            if seconds > LONGEST_S or peak > allowed:
                faults.append(f"{door.__name__} {name}: {seconds:.1f} s, {peak / 1e6:.0f} MB")
    assert faults == []


def test_every_scan_is_read_save_those_that_lack_what_they_are_refused_for(files):
    for name, file in files.items():
        if name.lower().endswith(NO_SCANS) or file.name == "LICENSE":
            continue
        reasons = [reason for pattern, reason in REFUSED.items() if fnmatch(name, pattern)]
        try:
            scan = read.image(file)
        except InputError as error:
            assert reasons, f"{name} is refused: {error}"
            assert re.search(re.escape(reasons[0]), str(error)), f"{name}: {error}"
        else:
            assert not reasons, f"{name} is read"
            assert min(scan.spacing) > 0
            assert scan.array.size > 0


def test_every_label_map_of_a_model_is_read(files):
    masks = real("totalsegmentator/example_seg_fast")
    assert read.labels(masks).names
    segmented = read.labels(real("pydicom_data/liver.dcm"))
    same = read.labels(real("pydicom_data/liver_nonbyte_aligned.dcm"))
    assert set(segmented.names.values()) == set(same.names.values()) == {"liver"}
    # The second leaves out the two outermost rows and columns, and none of the liver with them.
    assert (segmented.array > 0).sum() == (same.array > 0).sum()


def test_all_series_below_one_folder_are_listed(files):
    listed = read.series(real("pydicom_data"))
    assert all(each.problem or each.volumes for each in listed)
