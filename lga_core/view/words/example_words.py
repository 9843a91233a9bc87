"""What is said beside a recorded result."""

from lga_core.view.words.text import count


def recorded_sentence(model: str, machine: str, created: str, cores: int, torch: str) -> str:
    """What the recorded example is, when and on what it was measured. `machine` and `created` as a Provenance's."""
    device = machine.partition(",")[0]
    return (
        f"A finished example of {model}, measured on {created[:10]} ({device}, {count(cores, 'core')}, torch {torch}). "
        "What you measure takes its place."
    )
