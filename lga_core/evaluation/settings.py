"""What can be set in the playground, and the versions of what is measured: both known without a model."""

from pydantic.dataclasses import dataclass

from lga_core.settings import Settings, setting

# Part of the store's keys: a change of the numbers needs a new one.
TRIAL_VERSION = 1
DIAGNOSTICS_VERSION = 1
SWEEP_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PlaygroundSettings(Settings):
    """How the two models write."""

    length: int = setting(40, "Tokens, at most", ge=1, le=500)
    temperature: float = setting(0.0, "Temperature", "0 takes the most probable token each time.", ge=0)
    top_k: int = setting(0, "Top k", "Sample among so many tokens only; 0: among all.", ge=0)
    seed: int = setting(0, "Seed", "The same for both models.", ge=0)
    chat: bool = setting(False, "Chat", "Put the prompt as a user's message, for models that are tuned to chat.")
