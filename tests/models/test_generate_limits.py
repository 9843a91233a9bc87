"""Near the last learned position: what is written after a row, and whether it can be, depends on that row alone."""

import dataclasses

import pytest
from conftest import make_fact
from few_positions import POSITIONS, few_positions, prompt_of

from lga_core.data.facts import Probe
from lga_core.errors import LgaError
from lga_core.evaluation.metrics.asking import probe_questions, write
from lga_core.models.running import own_answers
from lga_core.models.running.generate import generate, greedy, most_probable, sampler, stream
from lga_core.models.text.chat import UnaskableError
from lga_core.models.text.tokens import answer_row, prompt_row
from lga_core.probes.questions import FactProbes, MetricProbe
from lga_core.progress import Phase
from lga_core.scores.known_facts import check_known_facts


@pytest.fixture(scope="module")
def model():
    return few_positions()


def row_of(model, length):
    return prompt_row(model.asking, prompt_of(model, length))


def test_each_row_is_written_as_far_as_it_is_asked_and_as_it_is_alone(model):
    rows = [row_of(model, length) for length in (POSITIONS - 1, 3, 9)]
    lengths = [2, 20, 7]
    alone = [greedy(model, [row], length)[0] for row, length in zip(rows, lengths, strict=True)]
    assert greedy(model, rows, lengths) == alone
    assert greedy(model, rows[::-1], lengths[::-1]) == alone[::-1]
    assert [len(text) for text in sampled(model, rows, lengths)] == lengths
    assert sampled(model, rows, lengths) == [
        sampled(model, [row], [n])[0] for row, n in zip(rows, lengths, strict=True)
    ]


def sampled(model, rows, lengths):
    return generate(model, rows, lengths, sampler([5] * len(rows)), phase=Phase.GENERATE, past_ends=True)


def test_a_row_of_its_own_length_ends_there(model):
    steps = list(stream(model, [row_of(model, 3), row_of(model, 4)], [1, 3], most_probable, past_ends=True))
    assert [[token is None for token in step] for step in steps] == [[False, False], [True, False], [True, False]]


def test_a_text_that_has_ended_may_stand_beside_a_longer_one(model):
    """Its end comes before the last position; the other goes on beyond what would be left for the first."""
    long, short = row_of(model, POSITIONS - 2), row_of(model, 3)
    end = model.model.generation_config.eos_token_id

    def pick(logits):  # the long row ends at once
        chosen = most_probable(logits).clone()
        chosen[chosen == end] = end + 5
        chosen[: len(logits) - 1] = end
        return chosen

    texts = generate(model, [long, short], 12, pick, phase=Phase.GENERATE)
    assert [len(text) for text in texts] == [0, 12]


def test_a_text_that_goes_on_beyond_the_positions_is_refused(model):
    with pytest.raises(UnaskableError, match=f"A text of {POSITIONS + 1} tokens"):
        sampled(model, [row_of(model, 3), row_of(model, POSITIONS - 1)], [1, 3])


@pytest.mark.parametrize("others", [0, 1, 3])
def test_whether_a_fact_can_be_asked_depends_on_it_alone(model, others):
    near = make_fact(0, prompt_of(model, POSITIONS - 1), "Paris", "a", "a")
    beyond = make_fact(1, prompt_of(model, POSITIONS), "Paris", "a", "a")
    wordy = [make_fact(2 + i, "The capital of France", "France", "Seattle and Boston", "Rome") for i in range(others)]
    asked, refused, *_ = check_known_facts(model, [near, beyond, *wordy])
    assert asked.problem is None and len(asked.greedy_ids) == 1 and refused.problem is not None
    (alone,) = check_known_facts(model, [near])
    assert (alone.greedy_ids, alone.known) == (asked.greedy_ids, asked.known)


def test_a_question_near_the_end_is_asked_beside_one_with_a_longer_answer(model):
    fact = make_fact(0, "LeBron James plays", "LeBron James", "a", "b")
    (near,) = probe_questions(model, dataclasses.replace(fact, rephrases=(), locality=(), portability=())).questions
    near = dataclasses.replace(near, prompt_row=row_of(model, POSITIONS - near.free_length + 1))
    wordy = dataclasses.replace(near, prompt_row=row_of(model, 3), free_length=near.free_length + 8)
    (alone,) = write(model, [near])
    assert write(model, [near, wordy])[0] == alone


def test_the_models_own_tokens_must_fit_too(model):
    prompt = prompt_of(model, POSITIONS - 2)
    assert len(answer_row(model.asking, prompt, (5, 6))) == POSITIONS
    with pytest.raises(LgaError, match=rf"A text of {POSITIONS + 1} tokens \(“Paris is .*”\) is longer"):
        answer_row(model.asking, prompt, (5, 6, 7))


def locality(prompts):
    probes = [MetricProbe(metric="locality", group="Neighborhood", prompt=prompt, answers=()) for prompt in prompts]
    return FactProbes(probes=tuple(probes))


def test_own_answers_are_asked_in_batches_that_fit(tiny, monkeypatch):
    prompts = [f"The city number {number} is in" for number in range(9)]
    whole = own_answers.answered(tiny, locality(prompts))
    assert [probe.own_ids for probe in whole.probes] == [
        own_answers.answered(tiny, locality([prompt])).probes[0].own_ids for prompt in prompts
    ]
    asked = []

    def counted(model, rows, length):
        asked.append(len(rows))
        return greedy(model, rows, length)

    tokens = len(prompt_row(tiny.asking, prompts[0])) + own_answers.OWN_ANSWER_TOKENS
    monkeypatch.setattr(own_answers, "greedy", counted)
    monkeypatch.setattr(own_answers, "batch_tokens", lambda *_given: 3 * tokens)
    assert own_answers.answered(tiny, locality(prompts)) == whole
    assert sum(asked) == 9 and max(asked) <= 3


def test_own_answers_are_asked_in_halves_where_memory_runs_out(tiny, monkeypatch):
    fact = make_fact(0, "LeBron James plays", "LeBron James", "a", "b")
    prompts = ("The state of France is", "Toyota is a", "Angela Merkel was")
    probes = tuple(Probe(prompt=prompt, answers=(), group="Neighborhood") for prompt in prompts)
    whole = probe_questions(tiny, dataclasses.replace(fact, locality=probes))

    def short_of_memory(model, rows, length):
        if len(rows) > 1:
            raise MemoryError
        return greedy(model, rows, length)

    monkeypatch.setattr(own_answers, "greedy", short_of_memory)
    assert probe_questions(tiny, dataclasses.replace(fact, locality=probes)) == whole
