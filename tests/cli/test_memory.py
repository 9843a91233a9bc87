"""What the command line says of the memory before it starts."""

import re

SIZE = r"[\d.,]+ [GM]B"


def test_a_method_and_an_edit_say_what_they_take_on_stderr(here, tiny_folder, fact_file):
    scored = here("score", tiny_folder, fact_file, "--method", "lga", "--method", "middle", "--json")
    assert scored.code == 0 and scored.json
    assert re.findall(r"(.*): about", scored.err) == ["LGA"], "the middle layer takes nothing"
    assert re.search(rf"^LGA: about {SIZE} of memory for activations, {SIZE} free$", scored.err, re.MULTILINE)
    edited = here("edit", tiny_folder, fact_file, "--index", 0, "--layers", 1, "--editor", "ft-m", "--set", "steps=1")
    assert edited.code == 0 and re.search(rf"^FT-M: about {SIZE} of memory for activations", edited.err, re.MULTILINE)
    quiet = here("score", tiny_folder, fact_file, "--method", "lga", "--json", "--quiet")
    assert quiet.code == 0 and ": about" not in quiet.err


def test_models_says_what_loading_takes_and_what_is_free(here):
    listed = {model["id"]: model for model in here("models", "--json", "--dtype", "bfloat16").json}
    small = listed["smollm2-135m"]
    assert small["to_load_bytes"] == 2 * small["parameters"] + int(2 * small["parameters"] * 0.2)
    assert small["memory_bytes"] == 4 * small["parameters"] and small["free_bytes"] > 0
    shown = here("models", "--device", "cpu").out
    assert re.search(r"^smollm2-135m .* 0\.6 GB ", shown, re.MULTILINE)
    assert re.search(rf"weights in float32 with room to work\. {SIZE} are free on cpu\.$", shown.strip())
