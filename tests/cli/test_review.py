import json

RIS = """TY  - JOUR
AU  - Doe, A
TI  - Psoas area in osteoporosis of older women
PY  - 2020
DO  - 10.1234/XX
ER  -

TY  - JOUR
TI  - Another paper about asthma in children
ER  -
"""
NBIB = """PMID- 123
TI  - Psoas area in osteoporosis of older
      women.
FAU - Doe, Anna
DP  - 2020 Mar
AID - 10.1234/xx [doi]
"""
COUNTS = """duplicates = 99
screened = 3537
excluded = 3512
assessed = 25
studies = 14
databases = { all = 3636 }
excluded_reports = { comparator = 10 }
"""


def test_records_go_from_export_to_flow(enthesis, tmp_path):
    (tmp_path / "a.ris").write_text(RIS)
    (tmp_path / "b.nbib").write_text(NBIB)
    library, screening = tmp_path / "library", tmp_path / "s.sqlite"
    for file, database in (("a.ris", "Embase"), ("b.nbib", "PubMed")):
        code, _, _ = enthesis(
            "review", "import", tmp_path / file, "--library", library, "--database", database,
            "--date", "2025-01-25", "--query", "psoas",
        )  # fmt: skip
        assert code == 0
    code, out, _ = enthesis("review", "deduplicate", library)
    assert code == 0
    assert "Duplicates removed" in out
    assert enthesis("review", "screen", "begin", screening, "--library", library)[0] == 0
    lines = (library / "unique.csv").read_text().splitlines()[1:]
    kept, left = (line.split(",")[0] for line in lines)
    for stage, record, decision in (
        ("title_abstract", kept, "include"),
        ("title_abstract", left, "exclude"),
        ("full_text", kept, "include"),
    ):
        for person in ("AB", "CD"):
            more = ("--by", person, "--stage", stage)
            code, _, _ = enthesis("review", "screen", "decide", screening, record, decision, *more)
            assert code == 0
    code, out, _ = enthesis("review", "screen", "status", screening, "--json")
    assert json.loads(out)["outcomes"] == {"included": 1, "excluded": 1}
    assert json.loads(out)["kappa"] == 1.0
    code, _, _ = enthesis(
        "review", "flow", "--library", library, "--screening", screening, "-o", tmp_path / "flow"
    )
    assert code == 0
    assert (tmp_path / "flow" / "prisma.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "flow" / "prisma.png").stat().st_size > 10_000


def test_a_persons_decision_on_a_pair_outlasts_the_next_run(enthesis, tmp_path):
    twice = RIS.replace("asthma in children", "asthma in children: part 2").split("\n\n")
    other = twice[1].replace("part 2", "part 3").replace("TI  -", "AU  - Roe, B\nTI  -")
    (tmp_path / "a.ris").write_text(twice[1].replace("TI  -", "AU  - Roe, B\nTI  -") + "\n" + other)
    library = tmp_path / "library"
    enthesis(
        "review", "import", tmp_path / "a.ris", "--library", library, "--database", "X",
        "--date", "2025-01-25", "--query", "q",
    )  # fmt: skip
    enthesis("review", "deduplicate", library)
    pairs = library / "pairs.csv"
    assert pairs.read_text().count("review,review") == 1
    pairs.write_text(pairs.read_text().replace("review,review", "duplicate,review"))
    for _ in range(2):
        code, _, _ = enthesis("review", "deduplicate", library)
        assert code == 0
        assert len((library / "unique.csv").read_text().splitlines()) == 2


def test_a_flow_that_does_not_add_up_is_refused_with_its_box(enthesis, tmp_path):
    counts = tmp_path / "counts.toml"
    counts.write_text(COUNTS)
    code, _, err = enthesis("review", "flow", "--counts", counts, "-o", tmp_path / "out")
    assert code == 2
    assert "'studies included' holds 14, but 25 assessed less 10 excluded make it 15" in err
    assert not (tmp_path / "out").exists()
    counts.write_text(COUNTS.replace("10", "11"))
    assert enthesis("review", "flow", "--counts", counts, "-o", tmp_path / "out")[0] == 0


def test_a_template_is_empty_and_says_so(enthesis, tmp_path):
    sheet = tmp_path / "sheet.csv"
    assert enthesis("review", "extract", "template", sheet)[0] == 0
    code, _, err = enthesis("review", "extract", "check", sheet)
    assert code == 2
    assert "no rows below its header" in err


def test_two_raters_forms_become_figures_and_what_to_settle(enthesis, tmp_path):
    for who in "AB":
        code, out, _ = enthesis(
            "review", "appraise", "form", tmp_path / f"{who}.csv", "--instrument", "jbi_cohort",
            "--by", who, "--studies", "Lee 2020", "Ng 2021",
        )  # fmt: skip
        assert code == 0
        assert "22" in out
    show = ("review", "appraise", "show", tmp_path / "A.csv", tmp_path / "B.csv")
    more = ("--instrument", "jbi_cohort", "-o", tmp_path / "bias", "--bands", "70", "50")
    code, _, err = enthesis(*show, *more)
    assert code == 2
    assert "A has not answered item Q1 for Lee 2020" in err
    for who, answer in (("A", "yes"), ("B", "no")):
        form = tmp_path / f"{who}.csv"
        text = form.read_text().replace(f",{who},,", f",{who},yes,")
        form.write_text(text.replace(",yes,", f",{answer},", 1))
    code, out, _ = enthesis(*show, *more)
    assert code == 0
    assert "Items to settle" in out
    settled = (tmp_path / "bias" / "settled.csv").read_text().splitlines()
    assert settled[1].startswith("Lee 2020,,yes")
    assert settled[2].endswith(",low")
    assert (tmp_path / "bias" / "risk_of_bias_summary.png").is_file()
