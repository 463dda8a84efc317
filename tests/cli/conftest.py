import nibabel as nib
import numpy as np
import pytest
from scans import scan

from enthesis import cli


@pytest.fixture
def enthesis(capsys):
    """Run a command line in this process: (exit code, standard output, standard error)."""

    def run(*arguments):
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def scan_files(tmp_path):
    """A small CT, its labels and their scheme, as files."""
    image, labels = scan(
        (60, 40, 40),
        {
            "psoas_major_left": ((slice(4, 14), slice(10, 22), slice(4, 36)), 50),
            "psoas_major_right": ((slice(44, 54), slice(10, 22), slice(4, 36)), 45),
            "vertebral_body_L1": ((slice(16, 42), slice(8, 34), slice(6, 34)), 140),
        },
    )
    paths = tmp_path / "ct.nii.gz", tmp_path / "labels.nii.gz", tmp_path / "scheme.csv"
    nib.save(nib.Nifti1Image(np.asarray(image.array), image.affine), paths[0])
    nib.save(nib.Nifti1Image(np.asarray(labels.array), labels.affine), paths[1])
    names = "".join(f"{number},{name}\n" for number, name in labels.names.items())
    paths[2].write_text("label,name\n" + names)
    return paths
