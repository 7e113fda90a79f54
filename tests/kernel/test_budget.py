from __future__ import annotations

import gc

import pytest

from gptwidgets.kernel.budget import Budget


class Record:
    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes

    def close(self) -> None:
        self.nbytes = 0


def test_the_least_recently_used_go_first_and_their_owners_are_told():
    budget, told = Budget(limit=10), []
    a, b, c = Record(4), Record(4), Record(4)
    budget.add(a, lambda: told.append("a"))
    budget.add(b, lambda: told.append("b"))
    budget.touch(a)
    budget.add(c)
    assert (a.nbytes, b.nbytes, c.nbytes) == (4, 0, 4)
    assert told == ["b"]
    assert budget.used == 8


def test_the_newest_stays_however_large_it_is():
    budget = Budget(limit=10)
    small, large = Record(4), Record(100)
    budget.add(small)
    budget.add(large)
    assert (small.nbytes, large.nbytes) == (0, 100)


def test_a_record_added_twice_counts_once_and_tells_both_owners():
    budget, told = Budget(limit=10), []
    record = Record(8)
    budget.add(record, lambda: told.append(1))
    budget.add(record, lambda: told.append(2))
    assert budget.used == 8
    budget.add(Record(8))
    assert sorted(told) == [1, 2]


def test_growth_is_seen_and_a_smaller_limit_applies():
    budget = Budget(limit=10)
    a, b = Record(4), Record(4)
    budget.add(a)
    budget.add(b)
    b.nbytes = 9  # sums that were kept while somebody looked
    budget.trim()
    assert a.nbytes == 0
    budget.limit = 1
    budget.trim()
    assert b.nbytes == 9


def test_records_nobody_holds_go_by_themselves():
    budget = Budget(limit=10)
    for _ in range(100):
        budget.add(Record(4))
    gc.collect()
    assert budget.used == 0
    assert len(budget._entries) == 0


def test_an_owner_may_record_again_at_once():
    budget = Budget(limit=10)
    again = Record(6)
    first = Record(6)
    budget.add(first, lambda: budget.add(again))
    second = Record(6)
    budget.add(second)
    assert (first.nbytes, second.nbytes, again.nbytes) == (0, 0, 6)


def test_touching_a_stranger_does_nothing():
    Budget().touch(Record(1))


@pytest.mark.parametrize("n", [100])
def test_a_cell_run_again_and_again_stays_within_the_limit(n):
    budget = Budget(limit=10)
    kept = []  # widgets are never collected while their notebook is open
    for _ in range(n):
        kept.append(Record(4))
        budget.add(kept[-1])
        assert budget.used <= 12
    assert sum(record.nbytes for record in kept) == 8
