"""Token rows, subject spans, and padding that never matters."""

import pytest
import torch
from conftest import train_tokenizer

from lga_core.errors import LgaError
from lga_core.models.running.forward import final_hidden, record_activations, resume
from lga_core.models.running.generate import greedy, sampler, stream
from lga_core.models.text.chat import Asking
from lga_core.models.text.tokens import AnswerIndex, Batch, answer_row, prompt_row, subject_span, token_texts

PROMPTS = ["The Space Needle is in downtown", "Paris", "LeBron James plays for the city of"]


@pytest.mark.parametrize("bos", [False, True])
def test_answer_begins_after_the_common_prefix(bos):
    tokenizer = train_tokenizer(bos)
    row = answer_row(Asking(tokenizer=tokenizer), "The Space Needle is in", " Seattle ")
    assert tokenizer.decode(row.ids[: row.start], skip_special_tokens=True) == "The Space Needle is in"
    assert tokenizer.decode(row.answer) == " Seattle"
    assert row.ids[: row.start] == prompt_row(Asking(tokenizer=tokenizer), "The Space Needle is in").ids


@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("The Space Needle is in", "Space Needle"),
        ("Paris is", "Paris"),
        ("in Zürich", "Zürich"),
        ("see 東京", "東京"),
    ],
)
def test_subject_span_covers_the_subject_and_no_more(prompt, subject):
    tokenizer = train_tokenizer(bos=True)
    first = prompt.index(subject)
    start, end = subject_span(Asking(tokenizer=tokenizer), prompt, (first, first + len(subject)))
    ids = prompt_row(Asking(tokenizer=tokenizer), prompt).ids
    assert tokenizer.decode(ids[start:end]).strip() == subject
    assert len(token_texts(tokenizer, ids)) == len(ids)


def test_an_empty_subject_span_is_refused():
    with pytest.raises(LgaError, match="holds the subject"):
        subject_span(Asking(tokenizer=train_tokenizer(False)), "Paris is", (50, 55))


def test_hidden_states_do_not_depend_on_padding(tiny):
    rows = [prompt_row(tiny.asking, prompt) for prompt in PROMPTS]
    with torch.no_grad():
        alone = [final_hidden(tiny, Batch.of([row], tiny.device))[0] for row in rows]
        for side in ("left", "right"):
            batch = Batch.of(rows, tiny.device, side)
            hidden = final_hidden(tiny, batch)
            for i, expected in enumerate(alone):
                torch.testing.assert_close(hidden[i][batch.mask[i].bool()], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_going_on_from_the_middle_is_the_whole_run(tiny, start):
    rows = [prompt_row(tiny.asking, prompt) for prompt in PROMPTS]
    batch = Batch.of(rows, tiny.device)
    with torch.no_grad():
        activations = record_activations(tiny, batch, range(tiny.layers + 1))
        whole = final_hidden(tiny, batch)
        again = resume(tiny, activations, start)
        picked = resume(tiny, activations, start, rows=torch.tensor([2, 0, 2, 2]))
    present = batch.mask.bool()
    torch.testing.assert_close(again[present], whole[present], rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(picked[0], picked[3])
    torch.testing.assert_close(picked[1][present[0]], whole[0][present[0]], rtol=1e-9, atol=1e-11)


def test_generated_text_does_not_depend_on_the_batch(tiny):
    rows = [prompt_row(tiny.asking, prompt) for prompt in PROMPTS]
    assert greedy(tiny, rows, 6) == [greedy(tiny, [row], 6)[0] for row in rows]

    def sampled(some, seeds):
        """Each row's tokens, up to where its text ends."""
        steps = stream(tiny, some, 6, sampler(seeds))
        return [[token for token in tokens if token is not None] for tokens in zip(*steps, strict=True)]

    assert sampled(rows, [1, 2, 3]) == [sampled([row], [seed])[0] for seed, row in enumerate(rows, start=1)]


def test_greedy_equals_the_argmax_without_a_cache(tiny):
    row = prompt_row(tiny.asking, PROMPTS[0])
    ids = torch.tensor([row.ids])
    expected = []
    with torch.no_grad():
        for _ in range(5):
            token = tiny.model(input_ids=ids, use_cache=False).logits[0, -1].argmax().item()
            expected.append(token)
            ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
    ends = {tiny.tokenizer.eos_token_id}
    stop = next((i for i, token in enumerate(expected) if token in ends), len(expected))
    assert greedy(tiny, [row], 5)[0] == tuple(expected[:stop])


def test_the_answers_of_chosen_rows_are_those_of_a_batch_of_them():
    tokenizer = train_tokenizer(bos=False)
    rows = [
        answer_row(Asking(tokenizer=tokenizer), prompt, answer)
        for prompt in PROMPTS
        for answer in ("Seattle", "the Lakers")
    ]
    batch = Batch.of(rows, torch.device("cpu"))
    chosen = [4, 1, 1, 5, 0]
    index = AnswerIndex.of(rows, batch)
    expected = AnswerIndex.of([rows[row] for row in chosen], batch)  # padded on the right: every row begins at 0
    for name, value in vars(index.select(torch.tensor(chosen))).items():
        assert torch.equal(value, getattr(expected, name)), name
