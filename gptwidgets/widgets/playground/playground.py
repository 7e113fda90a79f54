"""`Playground`: watch a GPT choose its tokens, and choose otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets as t

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.base import told
from gptwidgets.widgets.playground import code, presets, served
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.exchanging import Exchanging
from gptwidgets.widgets.playground.lensing import Lensing
from gptwidgets.widgets.playground.runs import Run, error_told, table
from gptwidgets.widgets.playground.settings import as_told
from gptwidgets.widgets.playground.shown import Shown
from gptwidgets.widgets.playground.state import Kept
from gptwidgets.widgets.playground.sweep import Sweeping
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node
from gptwidgets.widgets.wire import Handler, Reply, in_words

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.record import AttentionRecord


class Playground(Lensing, Exchanging, Shown, Kept, Sweeping):
    """A GPT that writes, with every token showing what else it could have been.

    Args:
        gpt: a GPT (`gw.load()`), or one that is served elsewhere (`gw.connect(…)`).
        prompt: the text to go on from; or chat messages, a list of {"role", "content"}. To a server that
            takes only chats a text is the first message of one.
        **options: any trait, such as `temperature=0.7`, `n=4`, `color="surprise"`; `sampling=gw.Sampling(…)`
            sets all the sampling rules at once.

    The constructor and `run()` return at once; the model works in a thread of its own. Everything can be read
    and set from Python, and follows what is done in the browser.

    Raises:
        TypeError: something that cannot write, or a keyword that does not exist.
        ValueError: a setting outside its range, with the range.

    Example:
        >>> import gptwidgets as gw
        >>> play = gw.Playground(gw.load(), "Once upon a time")   # doctest: +SKIP
        >>> run = play.run()                                      # doctest: +SKIP
        >>> run.wait().tokens                                     # doctest: +SKIP
    """

    _name = "playground"

    presets = told(
        t.List(help="Templates to begin with: name, kind, prompt or messages, sampling, own, note.")
    )

    def __init__(
        self,
        gpt: Any = None,
        prompt: str | Sequence[Mapping[str, str]] | None = None,
        *,
        sampling: Sampling | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        engines.checked_engine(gpt)
        if isinstance(prompt, str):
            options["prompt"] = prompt
        elif prompt is not None:
            if not isinstance(prompt, list | tuple) or any(isinstance(part, int) for part in prompt):
                raise TypeError(
                    "prompt is a text, or a list of chat messages; for token ids there is gpt.generate(ids)."
                )
            options = {"messages": list(prompt), "chat": True, **options}
        if "chat" in gpt.can and "text" not in gpt.can:  # a server for chats: a text is what one says there
            begins = [{"role": "user", "content": prompt}] if isinstance(prompt, str) and prompt else []
            options = {"chat": True, "messages": begins, **options}
        super().__init__(gpt, **options)
        if sampling is not None:
            self.sampling = sampling
        gpt.on_close(self._gpt_closed)
        self._say(info=engines.describe(gpt), notes=as_told(list(getattr(gpt, "notes", ()))))
        self._list_presets()

    # What was written

    @property
    def tokens(self) -> pd.DataFrame:
        """The latest run's first sequence, one row a token; see `Run.table`."""
        return table(TokenColumns(), self._vocabulary) if self._latest is None else self._latest.tokens

    @property
    def text(self) -> str:
        """What the latest run's first sequence says."""
        return "" if self._latest is None else self._latest.text

    def path_text(self, leaf: str | Node | None = None) -> str:
        """The whole text of a node from its prompt on; by default of the one that is shown."""
        return "".join(self.nodes.texts(self._shown(leaf)))

    def path_ids(self, leaf: str | Node | None = None) -> list[int]:
        """The ids of the whole text of a node from its prompt on; by default of the one that is shown."""
        return self.nodes.ids(self._shown(leaf))

    def record(self, leaf: str | Node | None = None) -> AttentionRecord:
        """Reads what was written once more, and keeps what its attention heads look at.

        By its ids, and never by its text, which could be cut into other tokens.

        Args:
            leaf: the node; by default the one that is shown.

        Returns:
            The record: `gw.AttentionHeatmap(play.record())` shows it.
        """
        engines.needs(self._gpt, "attention")
        return self._gpt.record(self.path_ids(leaf))

    def next_token(self, k: int = 20) -> pd.DataFrame:
        """The k most probable next tokens after what is shown, before any sampling rule."""
        node = self._shown(None)
        prompt = self._prompt(node, self.nodes.length(node), TokenColumns())
        with self._felt():
            return self._gpt.next_token(prompt, k=k)

    def score(self, text: str) -> pd.DataFrame:
        """How probable the model finds a text, one row a token; see `gpt.score`."""
        engines.needs(self._gpt, "score")
        return self._gpt.score(text)

    # As Python

    def code(self, leaf: str | Node | None = None) -> dict[str, str]:
        """Two scripts that write a node's text again: {"gptwidgets": …, "transformers": …}.

        Of a served model {"gptwidgets": …, "openai": …}; they read its key from the environment.

        Args:
            leaf: the node; by default the one that is shown. Where nothing was written yet, the scripts do
                what `run()` would.
        """
        node = self._node_of(leaf)
        prompt, rules = self._asked_for(node)
        if hasattr(self._gpt, "request"):
            n, row = served.place(self.nodes, node)
            return served.scripts(self._gpt, prompt, rules, n=n, row=row)
        engines.needs(self._gpt, "ids")
        recipe = code.recipe(self._gpt, prompt, rules)
        return {"gptwidgets": code.with_gptwidgets(recipe), "transformers": code.with_transformers(recipe)}

    def _asked_for(self, node: Node | None) -> tuple[Any, Sampling]:
        """What the model has to be given to write a node again: the prompt, and the rules with their seed."""
        rules, prompt = self.sampling, self.source
        if node is not None and node.kind == "written":
            rules = Sampling.from_dict(node.sampling)
            at = node.at + node.given
            root = self.nodes.segments(node)[0][0]
            whole_prompt = node.parent == root.id and not node.given and at == len(root.tokens)
            prompt = root.source if whole_prompt else self._prompt(node, at, TokenColumns())
        elif node is not None and node.kind == "prompt":
            prompt = node.source
        elif node is not None:
            prompt = self._prompt(node, self.nodes.length(node), TokenColumns())
        if rules.seed is None and rules.beams == 1 and not rules.greedy:
            rules = rules.replace(seed=0)
        return prompt, rules

    # Presets

    def save_preset(self, name: str, note: str = "") -> Path:
        """Saves the prompt (or the messages) and the sampling rules as a preset of one's own.

        Returns:
            Its file; to share the preset, share the file.
        """
        rules = {rule: value for rule, value in self.sampling.to_dict().items() if rule != "seed"}
        form = {"messages": self.messages} if self.chat else {"prompt": self.prompt}
        return self._save_preset({"name": name, "note": note, **form, "sampling": rules})

    def _save_preset(self, preset: Mapping[str, Any]) -> Path:
        path = presets.save(preset)
        self._list_presets()
        return path

    def use_preset(self, preset: str | Path) -> None:
        """Sets prompt (or messages) and sampling rules from a preset: by its name, or from a file."""
        if isinstance(preset, Path):
            entries = list(presets._forms(presets.read(preset), own=True, chat=self.info["chat"]))
        else:
            entries = [entry for entry in self.presets if entry["name"] == preset]
        if not entries:
            there = dict.fromkeys(entry["name"] for entry in self.presets)
            raise ValueError(f"There is no preset '{preset}'; there are {', '.join(there)}.")
        entry = next((entry for entry in entries if (entry["kind"] == "chat") == self.chat), entries[0])
        with self.hold_sync():
            self.sampling = Sampling.from_dict(entry["sampling"])
            self.chat = entry["kind"] == "chat"
            if self.chat:
                self.messages = entry["messages"]
            else:
                self.prompt = entry["prompt"]

    def delete_preset(self, name: str) -> None:
        """Deletes a preset of one's own."""
        presets.delete(name)
        self._list_presets()

    def _list_presets(self) -> None:
        entries, sentences = presets.listed(chat=bool(self.info.get("chat")))
        notes = [note for note in self.notes if not note.startswith("The preset ")]
        self._say(presets=as_told(entries), notes=as_told([*notes, *sentences]))

    # From the browser

    def _requests(self) -> dict[str, Handler]:
        return {**super()._requests(), "code": self._on_code, "preset": self._on_preset}

    def _on_code(self, request: dict[str, Any], _buffers: Any) -> Reply:
        return Reply(as_told(self.code(self._asked(request, "leaf"))))

    def _on_preset(self, request: dict[str, Any], _buffers: Any) -> Reply:
        if "delete" in request:
            self.delete_preset(str(request["delete"]))
        else:
            self._save_preset(request["save"])
        return Reply()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes all that the browser wrote, or nothing; says in words what cannot be."""
        told_only = set(self.trait_names(status=True))
        for name, value in sync_data.items():
            trait = self.traits(sync=True).get(name)
            if trait is None or name.startswith("_") or name in told_only:
                continue
            try:
                trait._validate(self, value)
            except (t.TraitError, LookupError, TypeError, ValueError) as error:
                words = in_words(ValueError(*error.args) if isinstance(error, t.TraitError) else error)
                self._tell("refused", {"trait": name, "message": words["message"]})
        super().set_state(sync_data)

    # What follows from a change

    @t.validate("chat")
    def _chat_needs_a_template(self, proposal: Any) -> bool:
        if proposal["value"] and "chat" not in self._gpt.can:
            raise TextError(self._gpt.cannot("chat"))
        return proposal["value"]

    @t.observe("color")
    def _color_changed(self, _change: Any) -> None:
        self._settled()

    # The end

    def close(self) -> None:
        """Takes the widget off all pages and stops what it runs."""
        if self.comm is not None:
            self.stop()
        super().close()

    def _gpt_closed(self) -> None:
        """The model was closed under the widget: what was written stays, and says so."""
        error = ClosedError(f"{self._gpt.name} was closed.")
        if self.comm is not None and self._gpt.closed:  # and not one that was here before
            self._say(status="closed", progress={}, error=error_told(error))

    def __repr__(self) -> str:
        latest = "" if self._latest is None else f", {self._latest!r}"
        return f"Playground({self._gpt.name}, {self.status}, {len(self.nodes)} nodes{latest})"


__all__ = ["Playground", "Run"]
