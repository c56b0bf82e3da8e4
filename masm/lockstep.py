"""Several one-at-a-time searches side by side, their questions answered together.

A minimiser of a library calls its objective for one point and waits. Several of them
are run here in threads of their own; once every one that goes on has asked, all that
was asked is answered in one call of `answer`, in the order of the searches. So a
model that runs many parameter sets at once, or in parallel, is used to the full,
and the outcome depends on nothing but the searches themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Question = TypeVar("Question")
Reply = TypeVar("Reply")
Found = TypeVar("Found")

Ask = Callable[[Question], Reply]


class _StoppedError(BaseException):
    """Raised inside a search whose question will not be answered."""


class _Search(Generic[Question, Reply, Found]):
    """One search in its thread."""

    def __init__(
        self,
        index: int,
        work: Callable[[Ask[Question, Reply]], Found],
        said: SimpleQueue,
    ):
        self.index = index
        self.work = work
        self.said: SimpleQueue[tuple[int, bool, Any]] = said
        self.replies: SimpleQueue[Any] = SimpleQueue()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.said.put((self.index, True, self.work(self._ask)))
        except _StoppedError:
            self.said.put((self.index, True, None))
        except BaseException as exc:  # handed on to the caller's thread
            self.said.put((self.index, True, exc))

    def _ask(self, question: Question) -> Reply:
        self.said.put((self.index, False, question))
        reply = self.replies.get()
        if reply is _StoppedError:
            raise _StoppedError
        return reply


def in_lockstep(
    searches: Sequence[Callable[[Ask[Question, Reply]], Found]],
    answer: Callable[[list[int], list[Question]], Sequence[Reply]],
) -> list[Found]:
    """Run searches side by side.

    Parameters
    ----------
    searches : sequence of callable
        ``search(ask)`` calls ``ask(question)`` as often as it likes, and returns.
    answer : callable
        ``answer(who, questions)`` with the indices of the searches that ask, in
        order, and what they ask; it gives as many replies. It is called in the
        caller's thread. What it raises ends all searches and is passed on.

    Returns
    -------
    list
        What each search returned.
    """
    said: SimpleQueue[tuple[int, bool, Any]] = SimpleQueue()
    running = [_Search(i, work, said) for i, work in enumerate(searches)]
    found: dict[int, Any] = {}
    asking: dict[int, Any] = {}
    for search in running:
        search.thread.start()
    try:
        while len(found) < len(running):
            while len(found) + len(asking) < len(running):
                index, over, content = said.get()
                (found if over else asking)[index] = content
            failed = [v for v in found.values() if isinstance(v, BaseException)]
            if failed:
                raise failed[0]
            if asking:
                who = sorted(asking)
                replies = answer(who, [asking[i] for i in who])
                asking.clear()
                for i, reply in zip(who, replies, strict=True):
                    running[i].replies.put(reply)
    finally:
        for search in running:
            search.replies.put(_StoppedError)
        for search in running:
            search.thread.join()
    return [found[i] for i in range(len(running))]
