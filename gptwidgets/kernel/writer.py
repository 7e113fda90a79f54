"""From generated tokens to text: complete characters become text, and stop texts are found."""

from __future__ import annotations

import codecs

from gptwidgets.kernel.readable import hexes, readable


class Writer:
    r"""The text of one sequence while it grows.

    Works on bytes: a character may be spread over several tokens, and so may a stop text.

    Args:
        stop: texts at which the sequence ends.

    Example:
        >>> writer = Writer(("é",))
        >>> writer.add(b"caf\xc3"), writer.stopped, writer.add(b"\xa9!"), writer.stopped
        ('caf', False, 'é!', True)
    """

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self.stopped = False
        self._stop = [text.encode() for text in stop]
        self._longest = max(map(len, self._stop), default=0)
        self._tail = b""  # the last bytes, in which a stop text may have begun
        self._open = b""  # the beginning of a character

    def add(self, part: bytes, *, silent: bool = False) -> str:
        """Takes a token's bytes; returns the text that became complete with them.

        Args:
            part: the bytes.
            silent: for special tokens, whose names are no text (but may be stop texts). One of them ends a
                character that was begun.
        """
        if self._stop:
            seen = self._tail + part
            self.stopped = self.stopped or any(stop in seen for stop in self._stop)
            self._tail = seen[-self._longest :]
        if silent:
            return self.end()
        data = self._open + part
        _, length = codecs.utf_8_decode(data, "surrogateescape", False)
        self._open = data[length:]
        return readable(data[:length])

    def end(self) -> str:
        """The bytes of a character that was never completed, as hex; "" where there are none."""
        left, self._open = self.left, b""
        return left

    @property
    def left(self) -> str:
        """What `end` would return."""
        return hexes(self._open) if self._open else ""
