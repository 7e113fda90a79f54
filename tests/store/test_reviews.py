from __future__ import annotations

import threading

import pytest

from gptwidgets.errors import RefusedError, StoreError
from gptwidgets.store import filing, journal, listings, people, reviews
from gptwidgets.store.database import Database


@pytest.fixture
def open_as(database, database_url):
    """Opens the same store as another person."""
    opened = []

    def another(name):
        opened.append(Database.open(database_url, user=name))
        return opened[-1]

    yield another
    for one in opened:
        one.close()


@pytest.fixture
def gpt2(database):
    return listings.find(database, "gpt2")


def at_once(*works):
    """Runs all together, and returns what each raised."""
    start, raised = threading.Barrier(len(works)), []

    def run(work):
        start.wait()
        try:
            work()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_a_review_is_written_read_changed_and_taken_back(database, gpt2):
    first = reviews.write(database, gpt2.version_id, 4, "Fine for teaching.")
    assert (first.person, first.stars, first.words, first.revision) == (
        "ada",
        4,
        "Fine for teaching.",
        gpt2.revision,
    )
    again = reviews.write(database, gpt2.version_id, 5, "Better than I said.")
    assert (again.id, again.stars, again.made_at) == (first.id, 5, first.made_at)
    assert again.changed_at >= first.changed_at
    assert reviews.reviews(database, gpt2.id) == [again]
    shown = listings.find(database, "gpt2")
    assert (shown.n_reviews, shown.stars_mean) == (1, 5)
    assert 1 < shown.stars_bound < 4
    reviews.remove(database, gpt2.version_id)
    assert reviews.reviews(database, gpt2.id) == []
    shown = listings.find(database, "gpt2")
    assert (shown.n_reviews, shown.stars_mean, shown.stars_bound) == (0, None, None)
    with pytest.raises(StoreError, match="not reviewed"):
        reviews.remove(database, gpt2.version_id)
    told = [(entry.who, entry.what, entry.subject) for entry in journal.entries(database, "GPT2")]
    assert told == [("ada", "take review back", "gpt2"), ("ada", "review", "gpt2"), ("ada", "review", "gpt2")]


def test_two_reviews_by_one_person_at_once_become_one(database, open_as, gpt2):
    second = open_as("ada")
    for _ in range(5):
        assert not at_once(
            lambda: reviews.write(database, gpt2.version_id, 2, "no"),
            lambda: reviews.write(second, gpt2.version_id, 5, "yes"),
        )
        (kept,) = reviews.reviews(database, gpt2.id)
        assert (kept.stars, kept.words) in {(2, "no"), (5, "yes")}
        assert listings.find(database, "gpt2").stars_mean == kept.stars
        reviews.remove(second, gpt2.version_id)


def test_many_people_who_review_at_once_are_all_counted(database, open_as, gpt2):
    people = [open_as(f"p{n}") for n in range(10)]
    works = [
        lambda one=one, n=n: reviews.write(one, gpt2.version_id, n % 5 + 1) for n, one in enumerate(people)
    ]
    assert not at_once(*works)
    assert reviews.distribution(database, gpt2.id) == dict.fromkeys(range(1, 6), 2)
    shown = listings.find(database, "gpt2")
    assert (shown.n_reviews, shown.stars_mean) == (10, 3)
    assert not at_once(*(lambda one=one: reviews.remove(one, gpt2.version_id) for one in people))
    assert listings.find(database, "gpt2").n_reviews == 0


def test_a_person_counts_once_with_the_newest_version(database):
    words = listings.Words(title="Mine", publisher="Ada", summary="Mine.", licence="MIT")
    made = [
        filing.add(
            database,
            "mine",
            words,
            listings.Facts(source={"kind": "folder"}, architecture="gpt2", revision=str(n)),
            status="published",
        )
        for n in (1, 2)
    ]
    reviews.write(database, made[1].id, 5)
    reviews.write(database, made[0].id, 1)
    assert reviews.distribution(database, made[0].listing_id) == {1: 0, 2: 0, 3: 0, 4: 0, 5: 1}
    assert [review.stars for review in reviews.reviews(database, made[0].listing_id)] == [1, 5]


@pytest.mark.parametrize("stars", [0, 6, -1, 4.5, "5", None, True])
def test_other_stars_than_one_to_five_are_refused(database, gpt2, stars):
    with pytest.raises(StoreError, match="1 to 5 stars"):
        reviews.write(database, gpt2.version_id, stars)
    assert reviews.reviews(database, gpt2.id) == []


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("'; DROP TABLE review; --", "'; DROP TABLE review; --"),
        ("nul \0 and bell \a", "nul  and bell"),
        ("half \ud800 a character", "half  a character"),
        ("safe \u202egnp.exe", "safe gnp.exe"),
        ("two\r\nlines\rthree", "two\nlines\nthree"),
        ("🤖" * reviews.LONGEST, "🤖" * reviews.LONGEST),
    ],
)
def test_hostile_words_are_kept_as_plain_text(database, gpt2, written, kept):
    reviews.write(database, gpt2.version_id, 3, written)
    assert reviews.reviews(database, gpt2.id)[0].words == kept


def test_too_many_words_and_what_is_not_published_are_refused(database, gpt2):
    with pytest.raises(StoreError, match="at most 5,000 characters, and these have 10,000,000"):
        reviews.write(database, gpt2.version_id, 3, "x" * 10_000_000)
    words = listings.Words(title="Mine", publisher="Ada", summary="Mine.", licence="MIT")
    draft = filing.add(database, "mine", words, listings.Facts(source={}, architecture="gpt2"))
    with pytest.raises(StoreError, match="this version is draft"):
        reviews.write(database, draft.id, 3)
    with pytest.raises(StoreError, match="no version 999999"):
        reviews.write(database, 999_999, 3)


def test_abuse_is_reported_once_a_person_and_settled_by_a_reviewer(database, open_as, gpt2):
    bob, eve = open_as("bob"), open_as("eve")
    insult = reviews.write(eve, gpt2.version_id, 1, "You fools.")
    reviews.write(bob, gpt2.version_id, 5)
    first = reviews.report(bob, insult.id, "Insults.")
    assert reviews.report(bob, insult.id, "Insults us.") == first
    reviews.report(database, insult.id)
    assert [review.reports for review in reviews.reviews(database, gpt2.id)] == [0, 2]
    waiting = reviews.reports(database)
    assert [(one.person, one.words) for one in waiting] == [("bob", "Insults us."), ("ada", "")]
    about = (waiting[0].name, waiting[0].author, waiting[0].stars, waiting[0].review)
    assert about == ("gpt2", "eve", 1, "You fools.")
    if database.shared:
        with pytest.raises(RefusedError, match="Only a reviewer may settle a report"):
            reviews.settle(eve, first)
        with pytest.raises(RefusedError, match="Only a reviewer may see reports"):
            reviews.reports(eve)
        people.name_reviewer(database, "eve")
        with pytest.raises(RefusedError, match="your own review"):
            reviews.settle(eve, first)
    reviews.settle(database, waiting[1].id)
    assert [one.id for one in reviews.reports(database)] == [first]
    assert [one.id for one in reviews.reports(database, settled=True)] == [waiting[1].id]
    reviews.settle(database, first, remove=True)
    assert [review.person for review in reviews.reviews(database, gpt2.id)] == ["bob"]
    assert listings.find(database, "gpt2").stars_mean == 5
    assert journal.entries(database, "gpt2")[0].details == {"review": insult.id, "of": "eve", "removed": True}
    with pytest.raises(StoreError, match="no report"):
        reviews.settle(database, first)
    with pytest.raises(StoreError, match="no review"):
        reviews.report(bob, insult.id)


def test_who_reviews_after_a_removal_gets_another_id(database, gpt2):
    first = reviews.write(database, gpt2.version_id, 1)
    reviews.remove(database, gpt2.version_id)
    assert reviews.write(database, gpt2.version_id, 1).id > first.id
