"""Batches: what is measured once stays, whatever happens to the others."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest

from enthesis.pipeline.batch import Shard
from enthesis.pipeline.batch_store import alone

COMMAND = [sys.executable, "-m", "enthesis"]


@pytest.fixture
def dataset(scan_files, tmp_path):
    """A table of three good scans."""
    image, labels, scheme = scan_files
    rows = [("image", "labels", "scheme", "subject", "session")]
    for i in (1, 2, 3):
        shutil.copy(image, tmp_path / f"Jane_Doe_{i}.nii.gz")
        rows.append((f"Jane_Doe_{i}.nii.gz", labels.name, scheme.name, f"P{i}", "baseline"))
    return write(tmp_path / "scans.csv", rows)


def write(path, rows):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def add(dataset, image, subject):
    with dataset.open("a", newline="") as stream:
        csv.writer(stream).writerow((image, "labels.nii.gz", "scheme.csv", subject, "baseline"))


def cases(output):
    return pd.read_csv(output / "cases.csv", keep_default_na=False).set_index("subject")


def records(output):
    """When each case was measured."""
    return {path.parent.name: path.stat().st_mtime_ns for path in output.glob("cases/*/case.json")}


def start(*arguments):
    """A batch in a process of its own."""
    return subprocess.Popen(
        [*COMMAND, "batch", *map(str, arguments), "--time-limit", "60"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def process_of_a_scan(batch, *, once):
    """The process of the scan that is being measured, once this is true."""
    until = time.monotonic() + 60
    while not once() and time.monotonic() < until:
        time.sleep(0.05)
    while time.monotonic() < until:
        for child in psutil.Process(batch.pid).children(recursive=True):
            try:
                # The server's own children, not the server.
                if "forkserver" in " ".join(child.parent().cmdline()):
                    # The process of the scan before has written its record, and is ending.
                    child.wait(timeout=1)
            except psutil.TimeoutExpired:
                return child
            except (psutil.Error, AttributeError):
                # Ended while it was looked at.
                continue
        time.sleep(0.05)
    raise AssertionError("no scan's process was seen")


def test_a_table_of_scans_becomes_one_long_table(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    code, out, err = enthesis("batch", dataset, "-o", output, "--jobs", 2)
    assert (code, err) == (0, "")
    table = pd.read_csv(output / "measurements.csv", keep_default_na=False)
    parquet = pd.read_parquet(output / "measurements")
    assert len(table) == len(parquet) > 0
    # In the dataset's order, whoever was done first.
    assert list(dict.fromkeys(table["subject"])) == ["P1", "P2", "P3"]
    assert set(table["session"]) == {"baseline"}
    trabecular = parquet.query("quantity == 'trabecular_attenuation'")
    assert trabecular["value"].tolist() == [140, 140, 140]
    for folder in cases(output)["folder"]:
        assert (output / folder / "report.html").is_file()
    assert "index.html" in out and (output / "index.html").is_file()


def test_a_bad_scan_gives_a_row_with_its_reason_and_no_file_name(enthesis, dataset, tmp_path):
    (tmp_path / "Jane_Doe_bad.nii.gz").write_text("not an image")
    add(dataset, "Jane_Doe_bad.nii.gz", "P4")
    add(dataset, "Jane_Doe_absent.nii.gz", "P5")
    output = tmp_path / "out"
    code, out, _ = enthesis("batch", dataset, "-o", output, "--jobs", 2)
    assert code == 4
    table = cases(output)
    assert table["status"].tolist() == ["measured"] * 3 + ["unusable"] * 2
    assert "not a NIfTI image" in table.loc["P4", "reason"]
    assert "P4" in out and "P5" in out
    # Scans are often named after patients: no output may say how the files were called.
    for path in output.rglob("*"):
        assert "Jane" not in path.name
        if path.suffix in {".csv", ".json", ".html"}:
            assert "Jane" not in path.read_text()


def test_the_same_command_again_measures_nothing_twice(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    enthesis("batch", dataset, "-o", output, "--jobs", 2)
    before, table = records(output), (output / "measurements.csv").read_bytes()
    code, _, _ = enthesis("batch", dataset, "-o", output, "--jobs", 2)
    assert code == 0
    assert records(output) == before
    assert (output / "measurements.csv").read_bytes() == table
    assert set(cases(output)["status"]) == {"kept"}


def test_another_copy_of_the_same_scan_is_known_by_its_contents(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    enthesis("batch", dataset, "-o", output)
    before = records(output)
    scan = tmp_path / "Jane_Doe_1.nii.gz"
    shutil.copy(scan, tmp_path / "again.nii.gz")
    (tmp_path / "again.nii.gz").replace(scan)
    enthesis("batch", dataset, "-o", output)
    assert records(output) == before


def test_changed_labels_or_another_protocol_are_measured_anew(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    enthesis("batch", dataset, "-o", output)
    before = records(output)
    enthesis("batch", dataset, "-o", output, "--protocol", "paraspinal-ct")
    after = records(output)
    assert len(after) == 6 and before.items() <= after.items()
    # The table holds what this command asked for, not what an earlier one did.
    assert len(cases(output)) == 3


def test_shards_and_gather_give_what_one_run_gives(enthesis, dataset, tmp_path):
    enthesis("batch", dataset, "-o", tmp_path / "whole")
    for shard in ("1/2", "2/2"):
        code, out, _ = enthesis("batch", dataset, "-o", tmp_path / "parts", "--shard", shard)
        assert code == 0 and "gather" in out
    assert not (tmp_path / "parts" / "measurements.csv").exists()
    code, _, _ = enthesis("batch", dataset, "-o", tmp_path / "parts", "--gather")
    assert code == 0
    whole, parts = (tmp_path / name / "measurements.csv" for name in ("whole", "parts"))
    assert parts.read_bytes() == whole.read_bytes()


def test_gathering_names_what_no_shard_has_measured(enthesis, dataset, tmp_path):
    enthesis("batch", dataset, "-o", tmp_path / "parts", "--shard", "1/2")
    code, out, _ = enthesis("batch", dataset, "-o", tmp_path / "parts", "--gather")
    assert code == 4
    assert cases(tmp_path / "parts")["reason"].tolist() == ["", "not measured yet", ""]
    assert "not measured yet" in out


def test_a_slurm_array_takes_its_own_part(monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "5")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "3")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "4")
    assert Shard.of_array() == Shard(index=3, of=4)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_a_part_that_there_is_not_is_refused(enthesis, dataset, tmp_path, text):
    code, _, err = enthesis("batch", dataset, "-o", tmp_path / "out", "--shard", text)
    assert code == 2 and "3/10" in err


def test_the_sbatch_script_runs_the_same_command_by_shards(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    code, out, _ = enthesis(
        "batch", dataset, "-o", output, "--slurm", "--scans-per-job", 2, "--memory-mb", 2000
    )
    script = (output / "batch.sbatch").read_text()
    assert code == 0 and "sbatch" in out
    assert "#SBATCH --array=1-2\n" in script and "#SBATCH --mem=2000M\n" in script
    assert f"-m enthesis batch {dataset} --output {output}" in script and "--slurm" not in script
    assert subprocess.run(["bash", "-n", output / "batch.sbatch"], check=False).returncode == 0


def test_a_dry_run_lists_the_scans_and_writes_nothing(enthesis, dataset, tmp_path):
    code, out, _ = enthesis("batch", dataset, "-o", tmp_path / "out", "--dry-run", "--limit", 2)
    assert code == 0
    assert "Jane_Doe_1.nii.gz" in out and "Jane_Doe_3.nii.gz" not in out
    assert not (tmp_path / "out").exists()


def test_two_runs_at_once_on_one_output_are_refused(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    with alone(output, "batch"):
        code, _, err = enthesis("batch", dataset, "-o", output)
    assert code == 2 and "another run" in err
    assert enthesis("batch", dataset, "-o", output)[0] == 0


def test_a_hanging_scan_is_given_up_alone_and_tried_again(enthesis, dataset, tmp_path):
    # A pipe that nobody writes to hangs whoever reads it.
    os.mkfifo(tmp_path / "hangs.nii.gz")
    add(dataset, "hangs.nii.gz", "P4")
    output = tmp_path / "out"
    code, _, _ = enthesis("batch", dataset, "-o", output, "--jobs", 2, "--time-limit", 8)
    assert code == 4
    assert cases(output)["status"].tolist() == ["measured"] * 3 + ["timed out"]
    code, _, _ = enthesis("batch", dataset, "-o", output, "--jobs", 2, "--time-limit", 1)
    assert cases(output)["status"].tolist() == ["kept"] * 3 + ["timed out"]


def test_a_scan_that_holds_too_much_memory_is_ended_alone(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    code, _, _ = enthesis("batch", dataset, "-o", output, "--jobs", 1, "--memory-mb", 20)
    assert code == 4
    table = cases(output)
    assert set(table["status"]) == {"out of memory"}
    assert "more than the 20 MB" in table["reason"].iloc[0]
    assert (table["peak_mb"] > 20).all()


def test_a_killed_process_of_one_scan_is_named_and_the_others_stand(dataset, tmp_path):
    os.mkfifo(tmp_path / "hangs.nii.gz")
    add(dataset, "hangs.nii.gz", "P4")
    output = tmp_path / "out"
    batch = start(dataset, "-o", output, "--jobs", 1)
    child = process_of_a_scan(batch, once=lambda: len(records(output)) == 3)
    child.send_signal(signal.SIGKILL)
    batch.communicate(timeout=60)
    assert batch.returncode == 4
    table = cases(output)
    assert table["status"].tolist() == ["measured"] * 3 + ["died"]
    assert "signal 9" in table.loc["P4", "reason"]


def test_an_interrupted_batch_says_how_to_go_on(dataset, tmp_path):
    os.mkfifo(tmp_path / "hangs.nii.gz")
    add(dataset, "hangs.nii.gz", "P4")
    output = tmp_path / "out"
    batch = start(dataset, "-o", output, "--jobs", 1)
    child = process_of_a_scan(batch, once=lambda: len(records(output)) == 3)
    batch.send_signal(signal.SIGINT)
    _, err = batch.communicate(timeout=60)
    assert batch.returncode == 130
    assert "The same command goes on" in err.decode() and "Traceback" not in err.decode()
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running()


def test_after_the_whole_batch_was_killed_the_same_command_goes_on(enthesis, dataset, tmp_path):
    os.mkfifo(tmp_path / "hangs.nii.gz")
    add(dataset, "hangs.nii.gz", "P4")
    output = tmp_path / "out"
    batch = start(dataset, "-o", output, "--jobs", 1)
    child = process_of_a_scan(batch, once=lambda: len(records(output)) == 3)
    batch.kill()
    batch.communicate()
    # Nobody waits for this scan any more, so its process ends too.
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running()
    assert not (output / "measurements.csv").exists()
    before = records(output)
    (tmp_path / "hangs.nii.gz").unlink()
    shutil.copy(tmp_path / "Jane_Doe_1.nii.gz", tmp_path / "hangs.nii.gz")
    code, _, _ = enthesis("batch", dataset, "-o", output)
    assert code == 0
    assert cases(output)["status"].tolist() == ["kept"] * 3 + ["measured"]
    assert before.items() <= records(output).items()
    table = pd.read_csv(output / "measurements.csv")
    assert table.groupby("subject").size().nunique() == 1


def test_half_a_folder_of_a_stopped_run_is_never_read(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    enthesis("batch", dataset, "-o", output)
    whole = (output / "measurements.csv").read_bytes()
    (key, *_) = records(output)
    # As if the machine had lost power before the record was on the disk.
    (output / "cases" / key / "case.json").unlink()
    (output / "cases" / key / "measurements.csv").write_text("subject,ses")
    code, _, _ = enthesis("batch", dataset, "-o", output)
    assert code == 0
    assert (output / "measurements.csv").read_bytes() == whole


def test_a_full_disk_stops_the_batch_with_a_sentence(dataset, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(output)]
    command = " && ".join(
        (
            " ".join(mount),
            " ".join([*COMMAND, "batch", str(dataset), "-o", str(output), "--jobs", "1"]),
        )
    )
    namespace = ["unshare", "--map-root-user", "--mount"]
    able = (
        shutil.which("unshare")
        and not subprocess.run([*namespace, *mount], capture_output=True, check=False).returncode
    )
    if not able:
        pytest.skip("this machine lets nobody mount a small disk")
    done = subprocess.run(
        [*namespace, "sh", "-c", command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no space is left" in done.stderr and "same command" in done.stderr


def test_a_power_cut_that_left_empty_files_is_noticed(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    enthesis("batch", dataset, "-o", output)
    whole = (output / "measurements.csv").read_bytes()
    first, second, _ = sorted(records(output))
    # Names reach the disk before contents do.
    (output / "cases" / first / "measurements.csv").write_text("")
    (output / "cases" / second / "case.json").write_text("")
    code, _, _ = enthesis("batch", dataset, "-o", output)
    assert code == 0
    assert sorted(cases(output)["status"]) == ["kept", "measured", "measured"]
    assert (output / "measurements.csv").read_bytes() == whole


def test_what_killed_runs_left_is_cleared_and_what_runs_now_is_not(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    left, running = output / "cases" / ".aaa.old", output / "cases" / ".bbb.new"
    for folder in (left, running):
        folder.mkdir(parents=True)
    os.utime(left, (0, 0))
    enthesis("batch", dataset, "-o", output, "--limit", 1)
    assert not left.exists() and running.exists()


def test_no_folder_name_of_an_archive_is_printed(enthesis, tmp_path):
    folder = tmp_path / "tree" / "Jane Doe 1950"
    folder.mkdir(parents=True)
    for i in (1, 2):
        (folder / f"Doe_{i}.dcm").write_bytes(b"x" * 200)
    output = tmp_path / "out"
    code, out, _ = enthesis("batch", tmp_path / "tree", "-o", output)
    assert code == 4 and "unusable" in out
    for text in (out, *(path.read_text() for path in output.rglob("*.csv"))):
        assert "Doe" not in text


@pytest.mark.parametrize(
    ("option", "value"), [("--protocol", "no-such"), ("--scheme", "no-such"), ("--limit", 0)]
)
def test_what_no_scan_could_be_measured_by_is_refused_at_once(
    enthesis, dataset, tmp_path, option, value
):
    code, _, err = enthesis("batch", dataset, "-o", tmp_path / "out", option, value)
    assert code == 2 and str(value) in err
    assert not (tmp_path / "out").exists()


def test_what_an_earlier_run_made_and_this_one_does_not_is_gone(enthesis, dataset, tmp_path):
    output = tmp_path / "out"
    enthesis("batch", dataset, "-o", output)
    (output / "agreement.csv").write_text("of another dataset")
    (output / "scans").mkdir()
    enthesis("batch", dataset, "-o", output)
    assert not (output / "agreement.csv").exists() and not (output / "scans").exists()
    record = json.loads((output / "provenance.json").read_text())
    assert record["command"] == "batch" and record["options"]["scans"] == 3
    assert pd.read_csv(output / "subjects.csv")["subject"].tolist() == ["P1", "P2", "P3"]
    assert pd.read_csv(output / "measurements.csv")["scan"].unique().tolist() == [1, 2, 3]


def test_a_bids_dataset_brings_its_labels_and_participants(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    root = tmp_path / "bids"
    place = root / "sub-07" / "ses-a" / "anat"
    derived = root / "derivatives" / "seg" / "sub-07" / "ses-a" / "anat"
    place.mkdir(parents=True)
    derived.mkdir(parents=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x"}))
    (root / "participants.tsv").write_text("participant_id\tsex\tage\nsub-07\tF\t71\n")
    shutil.copy(image, place / "sub-07_ses-a_ct.nii.gz")
    shutil.copy(labels, derived / "sub-07_ses-a_desc-manual_dseg.nii.gz")
    output = tmp_path / "out"
    code, _, _ = enthesis("batch", root, "-o", output, "--scheme", scheme)
    assert code == 0
    table = pd.read_csv(output / "measurements.csv", dtype=str)
    assert set(table["subject"]) == {"07"} and set(table["session"]) == {"a"}
    facts = json.loads(next(output.glob("cases/*/measurements.json")).read_text())["subject"]
    assert (facts["sex"], facts["age"]) == ("female", 71)


def test_a_tree_of_folders_pairs_scans_with_the_labels_beside_them(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    for name in ("a", "b"):
        folder = tmp_path / "tree" / name
        folder.mkdir(parents=True)
        shutil.copy(image, folder / "scan.nii.gz")
        shutil.copy(labels, folder / "scan_seg.nii.gz")
    output = tmp_path / "out"
    code, _, _ = enthesis("batch", tmp_path / "tree", "-o", output, "--scheme", scheme)
    # Two copies of one scan without codes are one scan: its numbers are there once.
    assert code == 0 and len(pd.read_csv(output / "cases.csv")) == 2
    assert len(records(output)) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("scan",), ("a.nii.gz",)], "has no column 'image'"),
        ([("image", "colour"), ("a.nii.gz", "red")], "'colour'"),
        ([("image", "sex"), ("a.nii.gz", "unknown")], "row 2"),
        ([("image", "age"), ("a.nii.gz", "old")], "row 2"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(enthesis, tmp_path, rows, message):
    path = write(tmp_path / "scans.csv", rows)
    code, _, err = enthesis("batch", path, "-o", tmp_path / "out")
    assert code == 2 and message in err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_scans_is_refused(enthesis, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = enthesis("batch", tmp_path / "empty", "-o", tmp_path / "out")
    assert code == 2 and "holds no scan" in err


def test_dask_gives_the_same_table_and_survives_a_lost_worker(dataset, tmp_path):
    pytest.importorskip("distributed")
    output = tmp_path / "out"
    batch = start(dataset, "-o", output, "--jobs", 1, "--dask", "local")
    until = time.monotonic() + 60
    workers = []
    while time.monotonic() < until and not (workers and records(output)):
        workers = [
            child
            for child in psutil.Process(batch.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]
        time.sleep(0.05)
    # In the middle of a scan, after at least one was done.
    for worker in workers:
        worker.kill()
    _, err = batch.communicate(timeout=150)
    assert batch.returncode == 0, err.decode()
    assert set(cases(output)["status"]) <= {"measured", "kept"}
    table = pd.read_csv(output / "measurements.csv")
    assert table.groupby("subject").size().tolist() == [len(table) // 3] * 3
