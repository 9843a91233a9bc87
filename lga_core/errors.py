"""The one error type that a user sees: what went wrong, and what mends it."""


class LgaError(Exception):
    """A failure with a known cause and a known mend; shown as one message, never as a traceback.

    Raise it where the cause is known: `LgaError("The folder has no weights: …", mend="Name a folder with …")`.
    """

    def __init__(self, cause: str, *, mend: str) -> None:
        super().__init__(f"{cause.rstrip()} {mend.strip()}")
        self.cause = cause
        self.mend = mend
