from __future__ import annotations

import pytest
from sqlalchemy import delete, text

from gptwidgets.errors import StoreError
from gptwidgets.store import filing, listings, measurements, reviews, schema, textindex
from gptwidgets.store.listings import Facts, Words
from gptwidgets.store.machine import machine
from gptwidgets.store.search import Search
from gptwidgets.store.wish import SORTS, Wish


def add(database, name, *, summary="", card="", parameters=10**8, context=2048, licence="MIT", **more):
    version = filing.add(
        database,
        name,
        Words(
            title=name.title(),
            publisher=more.get("publisher", "Ada"),
            summary=summary,
            licence=licence,
            card=card,
            use_cases=more.get("use_cases", ("chat",)),
            languages=more.get("languages", ("en",)),
        ),
        Facts(
            source={"kind": "folder"},
            architecture=more.get("architecture", "llama"),
            revision="v1",
            parameters=parameters,
            context_length=context,
            weight_bytes=parameters * 2,
            dtype="bfloat16",
        ),
        status=more.get("status", "published"),
    )
    return version.id


@pytest.fixture
def search(database):
    """Of a store that has nothing but these."""
    with database.writing("begin anew") as connection:
        connection.execute(delete(schema.listing))
    add(database, "zephyr-chat", summary="Talks politely", parameters=7_000_000_000, licence="Apache-2.0")
    add(database, "tale-teller", summary="Writes fairy tales", use_cases=("story",), languages=("en", "de"))
    add(database, "qwen2.5-0.5b", card="It has read zephyr poems.", context=32_768, architecture="qwen2")
    add(database, "hidden-draft", status="draft")
    return Search(database)


def names(found):
    return [row["name"] for row in found.rows]


def test_words_find_what_has_all_of_them_and_what_is_called_so_comes_first(search):
    assert names(search.find(Wish(words="zephyr"))) == ["zephyr-chat", "qwen2.5-0.5b"]
    assert names(search.find(Wish(words="zephyr polite"))) == ["zephyr-chat"]
    assert names(search.find(Wish(words="poems"))) == ["qwen2.5-0.5b"]


def test_the_beginning_of_a_word_and_its_case_are_enough(search):
    assert names(search.find(Wish(words="FAIR"))) == ["tale-teller"]


@pytest.mark.parametrize("words", ["qwen2.5-0.5b", "Qwen2.5 0.5B", "qwen2.5"])
def test_names_with_points_and_dashes_are_found_however_they_are_typed(search, words):
    assert names(search.find(Wish(words=words))) == ["qwen2.5-0.5b"]


@pytest.mark.parametrize(
    ("typed", "meant"), [("zehpyr", "zephyr"), ("politley", "politely"), ("fary tales", "fairy tales")]
)
def test_a_typing_mistake_is_forgiven_and_said(search, typed, meant):
    found = search.find(Wish(words=typed))
    assert found.total >= 1
    assert found.corrected == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("zephyr politley", "zephyr politely"),
        ("zehpyr polite", "zephyr polite"),
        ("writse tales fairi", "writes tales fairy"),
        ("smal zehpyr", None),  # a small one of this name there is none
    ],
)
def test_of_several_words_only_those_that_are_mistyped_are_corrected(search, typed, meant):
    assert search.find(Wish(words=typed)).corrected == meant


@pytest.mark.parametrize(
    "words", ["cafe", "CAFÉ", "cafe\u0301", "angstrom", "noël cafè", "noel", "cafés", "cfaé"]
)
def test_accents_are_left_out_on_both_sides(database, search, words):
    add(database, "brasserie", summary="Un petit café à Noël, des cafés.", card="Ångström—“où”, peut-être.")
    assert names(search.find(Wish(words=words))) == ["brasserie"]
    assert names(search.find(Wish(words=f"{words} ou etre"))) == ["brasserie"]


@pytest.mark.parametrize("words", ["жук", "ЖУК", "Жуки", "中文", "かな", "한국", "ελλάς"])
def test_words_in_any_writing_are_found(database, search, words):
    add(database, "foreign", summary="Жуки и 中文 (かな) 한국어, Ελλάς.")
    assert names(search.find(Wish(words=words))) == ["foreign"]


def test_postgresql_and_python_leave_out_the_same(database):
    if not database.shared:
        pytest.skip("SQLite cuts and folds words itself")
    sample = "Café Ёлка ﬁn 한국어 ệ ß ø Ångström naïve İstanbul ἀρχή がぎ x\u0301\u0308 ą̃ 🙂 é́"
    made = textindex._FOLDED.format(":sample")
    with database.reading() as connection:
        assert connection.scalar(text(f"SELECT {made}"), {"sample": sample}) == textindex.folded(sample)


def test_words_that_nobody_has_find_nothing(search):
    found = search.find(Wish(words="xyzzyx"))
    assert (found.total, found.rows, found.corrected) == (0, [], None)


def test_a_small_model_is_one_with_few_parameters(search):
    assert names(search.find(Wish(words="small chat model"))) == ["qwen2.5-0.5b"]
    assert names(search.find(Wish(words="a large chat model"))) == ["zephyr-chat"]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"use_case": "story"}, ["tale-teller"]),
        ({"language": "DE"}, ["tale-teller"]),
        ({"licence": "apache-2.0"}, ["zephyr-chat"]),
        ({"architecture": "qwen2"}, ["qwen2.5-0.5b"]),
        ({"publisher": "nobody"}, []),
        ({"max_memory": 1e9}, ["tale-teller", "qwen2.5-0.5b"]),
        ({"min_context": 8192}, ["qwen2.5-0.5b"]),
        ({"min_parameters": 1e9}, ["zephyr-chat"]),
        ({"status": "draft"}, ["hidden-draft"]),
        ({"use_case": "chat", "max_memory": 1e9}, ["qwen2.5-0.5b"]),
    ],
)
def test_filters_narrow(search, wish, expected):
    assert names(search.find(Wish(**wish))) == expected


def test_a_facet_counts_what_its_own_filter_leaves_out(search):
    found = search.find(Wish(licence="Apache-2.0"))
    assert found.total == 1
    assert dict(found.facets["licence"]) == {"MIT": 2, "Apache-2.0": 1}
    assert dict(found.facets["use_case"]) == {"chat": 1}
    assert dict(found.facets["parameters"])["3 – 8 B"] == 1


@pytest.mark.parametrize("sort", SORTS)
def test_every_sort_shows_every_listing_both_ways(search, sort):
    for descending in (None, True, False):
        assert search.find(Wish(sort=sort, descending=descending)).total == 3


def test_sorts_by_size_by_name_and_by_age(search):
    assert names(search.find(Wish(sort="parameters")))[-1] == "zephyr-chat"
    assert names(search.find(Wish(sort="name"))) == ["qwen2.5-0.5b", "tale-teller", "zephyr-chat"]
    assert names(search.find(Wish(sort="newest"))) == ["qwen2.5-0.5b", "tale-teller", "zephyr-chat"]
    assert names(search.find(Wish(sort="name", descending=True)))[0] == "zephyr-chat"


def test_what_was_measured_here_sorts_and_the_rest_comes_last(database, search):
    listing = listings.get(database, "tale-teller")
    figures = measurements.Figures(
        machine=machine(),
        device="CPU",
        dtype="float32",
        torch="2",
        transformers="5",
        tokens_per_second=11.0,
        text_bytes=900,
    )
    measurements.save(database, listing.version_id, figures)
    for descending in (True, False):
        found = search.find(Wish(sort="tokens_per_second", descending=descending))
        assert names(found)[0] == "tale-teller"
    assert found.rows[0]["tokens_per_second"] == 11.0
    assert search.find(Wish(), machine="another").rows[1]["tokens_per_second"] is None


def test_a_search_sees_at_once_what_was_changed_added_or_taken_back(database, search):
    assert search.find(Wish()).total == 3
    added = add(database, "newcomer", parameters=5)
    assert search.find(Wish()).total == 4
    assert names(search.find(Wish(sort="parameters")))[0] == "newcomer"
    reviews.write(database, added, 5, "grand")
    assert names(search.find(Wish(sort="stars")))[0] == "newcomer"
    filing.set_status(database, added, "withdrawn")
    assert search.find(Wish()).total == 3


def test_the_embedded_catalogue_is_found_with_its_facets(database):
    found = Search(database).find(Wish(words="small chat model", use_case="chat", max_memory=4e9))
    assert "smollm2-135m-instruct" in names(found)
    assert found.total == len(found.rows) > 5
    assert dict(found.facets["use_case"])["chat"] == found.total


def test_what_is_installed_here_can_be_asked_for(database, search):
    listing = listings.get(database, "tale-teller")
    with database.writing("install", "tale-teller") as connection:
        connection.execute(
            schema.install.insert().values(
                version_id=listing.version_id,
                machine="here",
                person="ada",
                folder="/somewhere",
                bytes=1,
                made_at=listings.version(database, listing.version_id).made_at,
            )
        )
    assert names(search.find(Wish(installed=True), machine="here")) == ["tale-teller"]
    assert search.find(Wish(installed=False), machine="here").total == 2
    assert search.find(Wish(installed=True), machine="there").total == 0


@pytest.mark.parametrize(
    "words",
    [
        "'; DROP TABLE listing; --",
        '" OR 1=1',
        "NEAR(zephyr tale, 3)",
        "title : zephyr",
        "zephyr* AND NOT",
        "a & b | !c <-> d:*",
        "%_\\",
        "\x00\x01",
        "\ud800 zephyr",
        "zephyr\x00chat",
        "(" * 500,
        "x" * 100_000,
        "🙂 👨‍👩‍👧",
        "' '' ''' \\' $1 :phrase ?",
    ],
)
def test_whatever_is_typed_is_words(search, words):
    search.find(Wish(words=words))
    assert search.find(Wish()).total == 3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Wish(sort="beauty"), 'no sort "beauty"'),
        (lambda: Wish(use_case="war"), 'no use case "war"'),
        (lambda: Wish(status="lost"), 'no status "lost"'),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(make, said):
    with pytest.raises(StoreError, match=said):
        make()


def test_pages_follow_each_other(search):
    pages = [names(search.find(Wish(), offset=n, limit=1)) for n in range(4)]
    assert sorted(name for page in pages for name in page) == ["qwen2.5-0.5b", "tale-teller", "zephyr-chat"]
    assert pages[3] == []
    with pytest.raises(StoreError, match="offset"):
        search.find(Wish(), offset=-1)
