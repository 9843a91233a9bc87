"""Facts that tests make up. It needs no torch: a server that a test starts imports none."""

from lga_core.data.facts import Fact, Probe


def make_fact(record: int, prompt: str, subject: str, new: str, old: str | None) -> Fact:
    first = prompt.rindex(subject)
    return Fact(
        record=record,
        prompt=prompt,
        subject=subject,
        span=(first, first + len(subject)),
        target_new=new,
        target_old=(old,) if old else (),
        rephrases=(f"Everybody knows {subject} is in",),
        locality=(Probe(prompt="The capital of France is", answers=(("Paris",),), group="Neighborhood"),),
        portability=(Probe(prompt=f"The state of {subject} is", answers=(("Washington",),), group="Reasoning"),),
    )
