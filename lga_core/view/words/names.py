"""What methods and trace kinds are called on screen."""

from collections.abc import Mapping

from lga_core.results import METHOD_TITLES, METHODS_OF_ONE_FACT, Kind, LayerScores

KIND_TITLES: Mapping[Kind, str] = {"hidden": "hidden state", "mlp": "MLP output", "attn": "attention output"}
_KINDS: dict[str, Kind] = {"cma-hidden": "hidden", "cma-attn": "attn"}


def method_title(method: str) -> str:
    """A method's name for people; one without a title keeps its own name."""
    return METHOD_TITLES.get(method, method)


def restored_title(kind: Kind) -> str:
    """What CMA restores, in short, where it is said that it restores it: MLP, hidden state, attention."""
    return KIND_TITLES[kind].removesuffix(" output")


def unscored_sentences(scores: Mapping[str, LayerScores]) -> list[str]:
    """Which of the scores of one fact cannot be drawn, and why."""
    why = {
        method: "not measured" if item is None else f"not scored, {item.rows[0].status}"
        for method in METHODS_OF_ONE_FACT
        if (item := scores.get(method)) is None or not item.n_facts
    }
    return [f"{method_title(method)}: {words}." for method, words in why.items()]


def method_kind(method: str) -> Kind:
    """The trace kind whose colours a CMA method wears; MLP, ROME's own choice, for all others."""
    return _KINDS.get(method, "mlp")
