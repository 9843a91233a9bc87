"""One line with the subject in brackets: read, written and read again, and what is said where a mark is wrong."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lga_core.data.forms.marked import EXAMPLE, read_marked, write_marked
from lga_core.data.load import fact_from_form
from lga_core.data.spans import find_subject
from lga_core.errors import LgaError

TEXTS = st.text(st.sampled_from("ab ß[]\\é\n"), max_size=12) | st.text(max_size=12)


@pytest.mark.parametrize(
    ("line", "prompt", "subject"),
    [
        (EXAMPLE, "The capital of France is", "France"),
        ("  [Rome] lies in ", "Rome lies in", "Rome"),
        ("Paris, says [ Paris ]", "Paris, says  Paris", "Paris"),
        (r"a \[1\] \\ \b [c]", r"a [1] \ \b c", "c"),
    ],
)
def test_a_line_is_a_prompt_and_its_subject(line: str, prompt: str, subject: str):
    assert read_marked(line) == (prompt, subject)


@given(before=TEXTS, subject=TEXTS.filter(str.strip), after=TEXTS)
def test_what_is_written_is_read_again(before: str, subject: str, after: str):
    prompt = (before + subject + after).strip()
    found = find_subject(prompt, subject.strip())
    assume(found is not None)
    line = write_marked(prompt, found)
    assert read_marked(line) == (prompt, prompt[slice(*found)])
    fact = fact_from_form(prompt=prompt, subject=prompt[slice(*found)], target_new="another answer than any here")
    assert write_marked(fact.prompt, fact.span) == line


@given(line=TEXTS)
def test_any_line_is_read_or_refused_with_a_remedy(line: str):
    try:
        prompt, subject = read_marked(line)
    except LgaError as error:
        assert error.cause and error.hint
    else:
        assert subject in prompt and line.count("[") >= 1


@pytest.mark.parametrize(
    ("line", "cause", "hint"),
    [
        (" ", "The prompt is empty", EXAMPLE),
        ("The capital of France is", "No subject is marked", EXAMPLE),
        (r"The capital of \[France\] is", "No subject is marked", EXAMPLE),
        ("The capital of [France is", "do not match", EXAMPLE),
        ("The ]capital of[ France is", "do not match", EXAMPLE),
        ("The [capital] of [France] is", "2 subjects are marked", EXAMPLE),
        ("The [capital of [France] is", "2 subjects are marked", EXAMPLE),
        ("The capital of [ ] is", "Nothing stands in the brackets", EXAMPLE),
        ("[Paris] is Paris and", "the last one counts", "Paris is [Paris] and"),
    ],
)
def test_a_wrong_mark_is_told_with_its_remedy(line: str, cause: str, hint: str):
    with pytest.raises(LgaError) as raised:
        read_marked(line)
    assert cause in raised.value.cause and hint in raised.value.hint
