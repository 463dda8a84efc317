import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.review import rank, tidy_records, work_saved
from enthesis.review.simulate import simulated_screening

TOPICS = ["psoas muscle area in osteoporosis", "asthma inhaler use in children"]


def records(n):
    return tidy_records([{"title": f"{TOPICS[i % 2]}, report {i}"} for i in range(n)], database="X")


def test_records_like_the_included_come_first():
    table = records(12)
    names = table["record"].tolist()
    ranked = rank(table, {names[0]: True, names[1]: False})
    assert set(ranked["record"][:5]) == {names[i] for i in (2, 4, 6, 8, 10)}
    assert not set(ranked["record"]) & set(names[:2])


def test_ranking_without_both_kinds_of_decision_is_refused():
    table = records(4)
    with pytest.raises(InputError, match="one of them is missing"):
        rank(table, {table["record"][0]: True})


def test_work_saved_by_hand_where_the_order_cannot_help():
    # Two records: one must be read to find each kind, so both are read before anything is learned.
    table = records(2)
    truth = dict(zip(table["record"], [True, False], strict=True))
    found = work_saved(table, truth, rng=np.random.default_rng(0))
    assert found.wss == pytest.approx(1 - 2 / 2 - 0.05) or found.n_read == 1
    assert found.found[-1] == 1


def test_labels_without_words_behind_them_save_nothing():
    made = simulated_screening(400, included=40, rng=np.random.default_rng(2))
    shuffled = np.random.default_rng(3).permutation(list(made.truth.values()))
    truth = dict(zip(made.truth, map(bool, shuffled), strict=True))
    saved = [
        work_saved(made.records, truth, rng=np.random.default_rng(seed)).wss for seed in range(4)
    ]
    # By chance 0; the spread over four orders of 40 relevant records is below 0.1.
    assert abs(np.mean(saved)) < 0.1


def test_simulated_reviews_are_screened_faster():
    made = simulated_screening(600, included=30, rng=np.random.default_rng(5))
    found = work_saved(made.records, made.truth, rng=np.random.default_rng(5))
    assert found.wss > 0.5
    assert found.found[found.n_read - 1] == 29  # ceil(0.95 * 30)
    assert len(found.found) == 600


def test_a_record_without_its_truth_is_refused():
    with pytest.raises(InputError, match="has no label"):
        work_saved(records(3), {}, rng=np.random.default_rng(0))
