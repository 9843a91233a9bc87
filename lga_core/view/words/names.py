"""What methods and trace kinds are called on screen."""

from lga_core.results import METHOD_TITLES, Kind

KIND_TITLES: dict[Kind, str] = {"hidden": "hidden state", "mlp": "MLP output", "attn": "attention output"}
_KINDS: dict[str, Kind] = {"cma-hidden": "hidden", "cma-attn": "attn"}


def method_title(method: str) -> str:
    """A method's name for people; one without a title keeps its own name."""
    return METHOD_TITLES.get(method, method)


def method_kind(method: str) -> Kind:
    """The trace kind whose colours a CMA method wears; MLP, ROME's own choice, for all others."""
    return _KINDS.get(method, "mlp")
