import pytest

from enthesis.errors import InputError
from enthesis.pipeline.outputs import output_folder


def test_a_series_of_an_older_run_goes_as_a_whole(tmp_path):
    for slices in (3, 2):
        with output_folder(tmp_path / "out") as folder:
            (folder / "ct_dicom").mkdir()
            for number in range(slices):
                (folder / "ct_dicom" / f"{number}.dcm").write_text(str(slices))
    found = sorted((tmp_path / "out" / "ct_dicom").iterdir())
    assert [file.read_text() for file in found] == ["2", "2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    (tmp_path / "out" / "table.csv").mkdir(parents=True)
    with (
        pytest.raises(InputError, match="is a folder; name another output"),
        output_folder(tmp_path / "out") as folder,
    ):
        (folder / "table.csv").write_text("new")
