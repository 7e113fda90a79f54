from __future__ import annotations

import pytest

from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Tree


def tokens(text):
    return TokenColumns.of(list(text.encode()), list(text))


@pytest.fixture
def tree():
    """The prompt "abc", written on by "def", a branch at 4 by "XY", and one from that by "Z"."""
    tree = Tree()
    root = tree.add(None, 0, "prompt", tokens("abc"))
    first = tree.add(root, 3, "written", tokens("def"))
    second = tree.add(first, 4, "written", tokens("XY"))
    tree.add(second, 6, "written", tokens("Z"))
    return tree


def read(tree, name, end=None):
    return "".join(tree.texts(tree[name], end))


def test_a_path_is_the_parents_path_cut_and_then_its_own(tree):
    assert [read(tree, name) for name in ("n1", "n2", "n3", "n4")] == ["abc", "abcdef", "abcdXY", "abcdXYZ"]
    assert tree.ids(tree["n4"]) == list(b"abcdXYZ")
    assert [tree.length(node) for node in tree] == [3, 6, 6, 7]
    assert [read(tree, "n4", end) for end in range(8)] == ["abcdXYZ"[:end] for end in range(8)]


def test_a_node_hangs_where_its_text_stands(tree):
    branch = tree.add(tree["n4"], 2, "written", tokens("!"))
    assert (branch.parent, branch.at) == ("n1", 2)
    assert read(tree, branch.id) == "ab!"
    at_edge = tree.add(tree["n4"], 4, "written", tokens("!"))
    assert (at_edge.parent, at_edge.at) == ("n2", 4)
    whole = tree.add(tree["n4"], 0, "edited", tokens("new"))
    assert (whole.parent, read(tree, whole.id)) == ("n1", "new")


def test_columns_and_tokens_of_a_path(tree):
    assert tree.columns(tree["n4"], 2, 6).text == "cdXY"
    assert tree.columns(tree["n4"], 5, 5).text == ""
    assert [int(tree.token(tree["n4"], at)["id"]) for at in range(7)] == list(b"abcdXYZ")
    assert tree.token(tree["n4"], 7) is None


def test_paths_may_be_very_deep():
    tree = Tree()
    node = tree.add(None, 0, "prompt", tokens("a"))
    for _ in range(3000):
        node = tree.add(node, tree.length(node), "written", tokens("b"))
    assert read(tree, node.id) == "a" + "b" * 3000


def test_undo_brings_back_what_was_hidden_and_hides_what_was_made(tree):
    tree.added("run", [tree["n4"]], "n3")
    tree.change("prune", tree.below(tree["n3"]), "n4", pruned=True)
    assert [node.id for node in tree if node.pruned] == ["n3", "n4"]
    what, nodes, leaf = tree.undo()
    assert (what, {node.id for node in nodes}, leaf) == ("prune", {"n3", "n4"}, "n4")
    assert not any(node.pruned for node in tree)
    assert tree.undo()[0] == "run"
    assert [node.id for node in tree if node.pruned] == ["n4"]
    assert tree.undo() is None
    assert len(tree) == 4


def test_a_draft_goes_only_while_nobody_went_on_from_it(tree):
    draft = tree.add(None, 0, "prompt", tokens("x"))
    tree.drop_draft(draft)
    assert draft.id not in tree.nodes
    tree.drop_draft(tree["n1"])
    assert "n1" in tree.nodes


def test_names_are_never_given_twice(tree):
    tree.drop_draft(tree.add(None, 0, "prompt", tokens("x")))
    assert tree.add(None, 0, "prompt", tokens("y")).id == "n6"
    nodes = list(tree)
    other = Tree()
    other.replace(nodes)
    assert other.add(None, 0, "prompt", tokens("z")).id == "n7"


def test_an_unknown_node_is_a_sentence(tree):
    for wrong in ("n9", 3, None, ["n1"]):
        with pytest.raises(ValueError, match="There is no node"):
            tree[wrong]


def test_a_talk_is_known_by_what_a_person_said_last():
    tree = Tree()
    talk = [("system", "Be brief."), ("user", "Hi!"), ("assistant", "Yes?"), ("user", "And what is a GPT?")]
    source = [{"role": role, "content": content} for role, content in talk]
    node = tree.add(None, 0, "prompt", tokens("<|im_start|>system"), source=source)
    assert node.entry()["preview"] == "And what is a GPT?"
    for other in ("", source[:1], ["user"], [{"role": "user"}], "a text"):
        node.source = other
        assert node.entry()["preview"] == "<|im_start|>system"


def test_an_entry_is_json_whatever_was_written():
    tree = Tree()
    node = tree.add(None, 0, "prompt", TokenColumns.of([1], ["\ud83d half" * 20]))
    entry = node.entry()
    assert entry["preview"].encode()
    assert len(entry["preview"]) == 120
    assert (entry["start"], entry["length"]) == (0, 1)
