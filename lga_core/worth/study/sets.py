"""The fact sets of the reproduction study, by the names that its units have."""

SETS = {  # name -> title, file of the benchmark folder (None: shipped)
    "world": ("world (ours)", None),
    "zsre": ("ZsRE", "zsre.json"),
    "wiki_counterfact": ("WikiCounterfact, paraphrased", "wiki_counterfact_rephrased.json"),
    "wiki_recent": ("WikiRecent", "wiki_recent_train.json"),
    "wikibio": ("WikiBio", "wikibio.json"),
}
DEVELOPED_ON = {"forecast": "world"}  # selector -> the set it was developed on, which is not held out for it


def study_name(loaded: str) -> str:
    """The study's name of a set that is loaded by this name, mostly its file's; the same name where it has none."""
    return next((name for name, (_title, file) in SETS.items() if loaded == file), loaded)
