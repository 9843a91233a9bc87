"""Where a prompt names its subject, in characters of the original prompt."""


def find_subject(prompt: str, subject: str) -> tuple[int, int] | None:
    """Character span (start, end) of the subject's last occurrence in the prompt, None where there is none.

    An exact occurrence goes before one in another case. The span always cuts whole characters of `prompt`,
    also where case folding changes lengths:

        find_subject("Paris is Paris", "Paris")       -> (9, 14)
        find_subject("the Straße ends", "STRASSE")    -> (4, 10)     # ß folds to ss
        find_subject("the Straße ends", "TRAS")       -> None        # would cut ß in half
    """
    if not subject:
        return None
    start = prompt.rfind(subject)
    if start >= 0:
        return start, start + len(subject)
    return _find_folded(prompt, subject.casefold())


def _find_folded(prompt: str, wanted: str) -> tuple[int, int] | None:
    """Last case-insensitive occurrence that begins and ends between two characters of the prompt."""
    boundary = {0: 0}  # offset in the folded prompt -> offset in the prompt
    length = 0
    for index, character in enumerate(prompt, start=1):
        length += len(character.casefold())
        boundary[length] = index
    folded = prompt.casefold()
    at = folded.rfind(wanted)
    while at >= 0:
        if at in boundary and at + len(wanted) in boundary:
            return boundary[at], boundary[at + len(wanted)]
        at = folded.rfind(wanted, 0, at + len(wanted) - 1)
    return None
