"""Prompts in a chat template: the tokens are those of `apply_chat_template`, and spans, answers and LGA follow them."""

import dataclasses

import numpy as np
import pytest
from conftest import make_fact, tiny_model, train_tokenizer

from lga_core.bench.speed.baselines import naive_gradient_products
from lga_core.editing.search.contexts import Contexts
from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import resolve
from lga_core.models.text.chat import Asking, ChatTemplate, asked_text, chat_name, is_chat, plain_name
from lga_core.models.text.tokens import answer_row, prompt_row, sequence_row, subject_span
from lga_core.scores.attribution.layer_attribution import baseline_row
from lga_core.scores.gradients.lga import gradient_rows
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.settings import GradientSettings

LOOP = "{% for m in messages %}"
TEMPLATES = {
    "a system text that names the subject, and its own BOS": "{{ bos_token }}system: Seattle, the Space Needle.\n"
    + LOOP
    + "{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
    "marks without spaces, and a trimmed message": LOOP
    + "[{{ m['role'] }}]\n{{ m['content'] | trim }}[end]\n{% endfor %}"
    + "{% if add_generation_prompt %}[assistant]\n{% endif %}",
    "no thinking, and a date": "{{ date_string if date_string is defined else strftime_now('%H:%M:%S') }} "
    + LOOP
    + "{{ m['role'] }}>{% if m['role'] == 'assistant' %}<think></think>{% endif %}{{ m['content'] }}<eos>"
    + "{% endfor %}{% if add_generation_prompt %}assistant>"
    + "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}",
}
FACTS = [
    (" The Space Needle is in downtown ", "Space Needle", "Seattle"),
    ("Seattle is where the Space Needle", "Space Needle", "stands"),
    ("The capital of France is", "France", " Paris, of course"),
]


def chatting(family, template, **how):
    model = tiny_model(family, **how)
    model.tokenizer.chat_template = template
    return model.chatting


@pytest.fixture(params=TEMPLATES)
def template(request):
    return TEMPLATES[request.param]


def whole_chat(tokenizer, prompt, answer):
    """The library's own tokens of the finished chat."""
    messages = [{"role": "user", "content": prompt.strip()}, {"role": "assistant", "content": answer.strip()}]
    given = {"enable_thinking": False, "date_string": "26 Jul 2024"}
    return tuple(tokenizer.apply_chat_template(messages, return_dict=False, **given))


@pytest.mark.parametrize(("prompt", "subject", "answer"), FACTS)
@pytest.mark.parametrize("bos", [False, True], ids=["no BOS", "BOS"])
def test_prompt_and_answer_are_the_beginning_of_the_finished_chat(bos, template, prompt, subject, answer):
    tokenizer = train_tokenizer(bos)
    tokenizer.chat_template = template
    asking = Asking(tokenizer=tokenizer, chat=ChatTemplate.of(tokenizer, "tiny"))
    row = answer_row(asking, prompt, answer)
    assert row.ids == whole_chat(tokenizer, prompt, answer)[: len(row)]
    assert row.ids[: row.start] == prompt_row(asking, prompt).ids
    assert row.ids.count(tokenizer.bos_token_id) == int("bos_token" in template)
    begins = " " if "assistant: " in template else ""
    assert tokenizer.decode(row.answer) == begins + answer.strip()
    first = prompt.rindex(subject)
    span = (first, first + len(subject))
    begin, end = subject_span(asking, prompt, span)
    assert tokenizer.decode(row.ids[begin:end]).strip() == subject
    assert subject_span(asking, prompt, span, answer) == (begin, end)
    assert row.own is not None and row.own[0] <= begin and end <= row.own[1]
    assert tokenizer.decode(row.ids[row.own[0] : row.own[1]]).removeprefix(" ") == prompt.strip()
    # The loss over the sequence begins with the prompt's first token; a baseline keeps the template.
    assert sequence_row(asking, prompt, answer) == dataclasses.replace(row, start=row.own[0])
    changed = [i for i, (a, b) in enumerate(zip(row.ids, baseline_row(asking, row).ids, strict=True)) if a != b]
    assert changed == list(range(*row.own))


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_lga_is_the_double_backward_of_the_chats_tokens(family, template):
    model = chatting(family, template)
    fact = make_fact(0, "The Space Needle is in downtown", "Space Needle", "Boston", "Seattle")
    checks = list(check_known_facts(model, [fact]))
    (row,) = gradient_rows(model, [fact], checks, GradientSettings(loss="answer"))
    rows = []
    for answer in ("Seattle", "Boston"):
        alone = model.tokenizer(asked_text(model.chat, fact.prompt), add_special_tokens=False)["input_ids"]
        ids = whole_chat(model.tokenizer, fact.prompt, answer)
        end = answer_row(model.asking, fact.prompt, answer)
        rows.append(dataclasses.replace(end, ids=ids[: len(end)], start=len(alone)))
    naive = naive_gradient_products(model, *rows, tuple(block.mlp_linears for block in model.architecture.blocks))
    scale = row.values["norm-old/mlp"] * row.values["norm-new/mlp"]
    assert np.all(np.abs(row.values["product/mlp"] - naive.numpy()) <= 1e-6 * scale)


def test_prefixes_stand_in_the_users_turn_before_the_prompt():
    model = chatting("llama", TEMPLATES["marks without spaces, and a trimmed message"])
    fact = make_fact(0, "The Space Needle is in downtown", "Space Needle", "Boston", "Seattle")
    contexts = Contexts.of(model, fact, ["In the morning"])
    texts = [model.tokenizer.decode(row.ids) for row in contexts.rows]
    assert texts == [
        "[user]\nThe Space Needle is in downtown[end]\n[assistant]\nBoston",
        "[user]\nIn the morning. The Space Needle is in downtown[end]\n[assistant]\nBoston",
        "[user]\nSpace Needle",  # the KL prompt: nothing behind its subject is read
    ]
    for row, end in zip(contexts.rows, contexts.subject_ends, strict=True):
        assert model.tokenizer.decode(row.ids[: end + 1]).endswith("Space Needle")


def test_the_same_weights_are_another_model_to_ask(template):
    plain = tiny_model("llama")
    plain.tokenizer.chat_template = template
    chat = plain.chatting
    assert chat is plain.chatting and chat.chatting is chat
    assert (chat.model, chat.lock, chat.fingerprint) == (plain.model, plain.lock, plain.fingerprint)
    assert chat.name == "tiny-llama:chat" and plain.identity.chat is None and chat.identity.chat
    other = chatting("llama", "{{ messages[0]['content'] }}")
    assert other.identity.chat != chat.identity.chat


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "has no chat template"),
        ("{{ raise_exception('no system') }}", "fails: no system"),
        ("{{ messages[0]['content'] | lower }}", "does not hold the user's message once"),
        ("{{ messages[0]['content'] }} {{ messages[0]['content'] }}", "does not hold the user's message once"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(text, why):
    with pytest.raises(LgaError, match=why):
        chatting("llama", text)


def test_an_empty_prompt_is_refused(template):
    with pytest.raises(LgaError, match="prompt is empty"):
        prompt_row(chatting("llama", template).asking, " ")


def test_a_name_says_how_the_model_is_asked():
    assert (chat_name("a/b"), chat_name("a/b:chat"), plain_name(" a/b:chat "), plain_name("a/b")) == (
        "a/b:chat",
        "a/b:chat",
        "a/b",
        "a/b",
    )
    assert is_chat("a/b:chat ") and not is_chat("a/b")
    entry = resolve("smollm2-135m:chat")
    assert (entry.id, entry.name, entry.slug) == ("smollm2-135m", "smollm2-135m:chat", "smollm2-135m")
    assert entry.title == f"{resolve('smollm2-135m').title}, chat template" and resolve("a/b").name == "a/b"
