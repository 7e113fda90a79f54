from __future__ import annotations

import json

import pytest

from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.playground import presets
from gptwidgets.widgets.playground.playground import Playground
from tests.widgets.playground.fake import FakeEngine

USES = ["Story", "Question answering", "Chat", "Summary", "Translation", "Classification"]


def test_ours_cover_what_gpts_are_used_for_in_both_forms():
    entries, sentences = presets.listed(chat=True)
    assert sentences == []
    for kind in ("text", "chat"):
        assert [entry["name"] for entry in entries if entry["kind"] == kind] == USES
    assert all(entry["note"] and not entry["own"] for entry in entries)
    assert {entry["kind"] for entry in presets.listed(chat=False)[0]} == {"text"}
    for entry in entries:
        Sampling.from_dict(entry["sampling"])


def test_users_save_use_share_and_delete_their_own(engine, tmp_path):
    play = Playground(engine, "Dear diary,", temperature=0.3, stop_at=["."], seed=5)
    path = play.save_preset("My diary", note="private")
    assert json.loads(path.read_text())["sampling"]["stop"] == ["."]
    own = [entry for entry in play.presets if entry["own"]]
    assert [(entry["name"], entry["prompt"], entry["note"]) for entry in own] == [
        ("My diary", "Dear diary,", "private")
    ]
    assert "seed" not in own[0]["sampling"]
    shared = tmp_path / "from a friend.json"
    shared.write_bytes(path.read_bytes())
    other = Playground(engine)
    other.use_preset(shared)
    assert (other.prompt, other.temperature, other.stop_at) == ("Dear diary,", 0.3, ["."])
    other.use_preset("Translation")
    assert other.temperature == 0
    with pytest.raises(ValueError, match="There is no preset 'Nothing'; there are Story"):
        other.use_preset("Nothing")
    play.prompt = "changed"
    play.save_preset("My diary")
    assert len([entry for entry in play.presets if entry["own"]]) == 1
    play.delete_preset("My diary")
    assert not any(entry["own"] for entry in play.presets)


def test_a_chat_is_saved_as_a_chat(engine):
    play = Playground(engine, [{"role": "user", "content": "hi"}])
    play.save_preset("Hi")
    play.chat = False
    play.use_preset("Hi")
    assert (play.chat, play.messages) == (True, [{"role": "user", "content": "hi"}])
    plain = Playground(FakeEngine(frozenset({"ids"})))
    assert all(entry["kind"] == "text" for entry in plain.presets)
    plain._gpt.close()


def test_a_file_that_is_no_preset_is_left_out_and_said(engine, own_presets):
    own_presets.mkdir()
    (own_presets / "a.json").write_text("{")
    (own_presets / "b.json").write_text('{"name": "b", "prompt": "x", "sampling": {"top_p": 7}}')
    (own_presets / "c.json").write_text('{"name": "c"}')
    (own_presets / "d.json").write_text("[" * 100_000)
    (own_presets / "good.json").write_text('{"name": "good", "prompt": "x"}')
    play = Playground(engine)
    assert [entry["name"] for entry in play.presets if entry["own"]] == ["good"]
    left_out = [note for note in play.notes if note.startswith("The preset ")]
    assert len(left_out) == 4
    assert "top_p must be" in left_out[1]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"prompt": "x"},
        {"name": "x" * 81, "prompt": "x"},
        {"name": "x"},
        {"name": "x", "prompt": 5},
        {"name": "x", "messages": [{"role": 1, "content": ""}]},
        {"name": "x", "prompt": "y", "code": "import os"},
        {"name": "x", "prompt": "y", "sampling": {"temprature": 1}},
    ],
)
def test_nonsense_is_not_saved(wrong, own_presets):
    with pytest.raises((TypeError, ValueError)):
        presets.save(wrong)
    assert not own_presets.exists()


@pytest.mark.parametrize("name", ["../../evil", "a/b", "CON", "ÄÖ", "...", "x" * 80, "日本"])
def test_a_name_never_leaves_the_folder(name, own_presets):
    path = presets.save({"name": name, "prompt": "x"})
    assert path.parent == own_presets
    assert presets.read(path)["name"] == name
    presets.delete(name)
    assert list(own_presets.iterdir()) == []


@pytest.mark.model
@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize(
    ("name", "words"),
    [("Question answering", "paris"), ("Translation", "mi amigo"), ("Classification", "negative")],
)
def test_a_small_model_gets_it_right(smollm2, name, words, chat):
    play = Playground(smollm2, chat=chat)
    play.use_preset(name)
    assert play.chat == chat
    assert words in play.run().wait(120).text.lower()


@pytest.mark.model
def test_a_small_model_tells_good_reviews_from_bad_ones_in_a_talk(smollm2):
    play = Playground(smollm2, chat=True)
    play.use_preset("Classification")
    good = "Review: A beautiful story with great actors.\nSentiment:"
    play.messages = [*play.messages[:-1], {"role": "user", "content": good}]
    assert play.run().wait(120).text.strip() == "positive"
