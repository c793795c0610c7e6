"""The Python module as it is installed; run by `crates/outthink-python/check.sh`."""

import doctest
import multiprocessing
import threading

import pytest

import outthink
from outthink import adapters


def test_examples_of_the_docs_run():
    for module in (outthink, adapters):
        found = doctest.testmod(module)
        assert found.attempted > 2 and found.failed == 0, found


def test_equality_is_lenient_for_references_and_strict_among_replies():
    assert outthink.equal("5 cm", "5")
    assert not outthink.equal("5 cm", "5", strict=True)
    assert outthink.equal("5 cm", "50 mm", strict=True)
    assert not outthink.equal("5 million", "5 billion")


def test_weak_evidence_can_be_left_out():
    assert outthink.find_answer("There were 3, then 4") == "4"
    assert outthink.find_answer("There were 3, then 4", marked_only=True) is None


def test_a_batch_is_what_its_replies_are_one_by_one():
    replies = [f"So the answer is {n}." for n in range(500)]
    gold = [str(n if n % 3 else n + 1) for n in range(500)]
    assert outthink.rewards(replies, gold) == [float(outthink.grade(r, g)) for r, g in zip(replies, gold)]
    assert outthink.rewards([], []) == []


def test_options_of_the_question_count():
    question = "Which is largest?\nA) Mars\nB) Earth\nC) Venus\nD) Jupiter"
    for reply, right in [("Jupiter", True), ("The answer is (D).", True), ("Mars", False), ("D) Mars", False)]:
        assert outthink.grade(reply, "D", question) == right, reply
    assert not outthink.grade("The answer is Jupiter.", "D")
    assert outthink.rewards(["Jupiter", "The answer is 4."], ["D", "4"], [question, None]) == [1.0, 1.0]
    with pytest.raises(ValueError, match="give one question, or None, for each completion"):
        outthink.rewards(["a"], ["a"], [])


def test_bad_input_is_an_error_that_says_what_to_do():
    with pytest.raises(ValueError, match="give one reference for each completion"):
        outthink.rewards(["a"], [])
    with pytest.raises(ValueError):
        outthink.pass_at_k(5, 6, 1)
    with pytest.raises(ValueError, match="no reference among the columns"):
        adapters.trl_reward(["4"], prompts=["2+2?"])
    with pytest.raises(TypeError):
        outthink.equal(1, 2)


def test_threads_and_processes_may_share_it():
    right = []
    threads = [threading.Thread(target=lambda: right.append(outthink.grade("It is 4.", "4"))) for _ in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert right == [True] * 16
    with multiprocessing.Pool(2) as pool:
        assert pool.starmap(outthink.grade, [("It is 4.", "4"), ("It is 5.", "4")] * 4) == [True, False] * 4


def test_estimators():
    assert abs(outthink.pass_at_k(5, 2, 2) - 0.7) < 1e-12
    assert abs(outthink.pass_hat_k(4, 3, 2) - 0.5) < 1e-12
