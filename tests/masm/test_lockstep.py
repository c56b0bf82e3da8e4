import threading

import pytest

from masm.lockstep import in_lockstep


def counting(n):
    """Asks n questions and returns what it was told."""
    return lambda ask: [ask(k) for k in range(n)]


def test_searches_are_asked_together_and_in_order():
    seen = []

    def answer(who, questions):
        seen.append(who)
        return [10 * i + q for i, q in zip(who, questions, strict=True)]

    found = in_lockstep([counting(3), counting(1), counting(2)], answer)
    assert found == [[0, 1, 2], [10], [20, 21]]
    assert seen == [[0, 1, 2], [0, 2], [0]]


def test_answers_are_given_in_the_callers_thread():
    threads = set()

    def answer(who, questions):
        threads.add(threading.current_thread())
        return questions

    in_lockstep([counting(2), counting(2)], answer)
    assert threads == {threading.current_thread()}


def test_an_error_of_either_side_ends_all_threads():
    def broken(ask):
        ask(1)
        raise ZeroDivisionError

    def no_answer(who, questions):
        raise KeyError("spent")

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        in_lockstep([broken, counting(100)], lambda who, questions: questions)
    with pytest.raises(KeyError):
        in_lockstep([counting(3), counting(3)], no_answer)
    assert threading.active_count() == before


def test_no_search_gives_nothing():
    assert in_lockstep([], lambda who, questions: questions) == []
