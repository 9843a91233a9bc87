"""--chat on the command line: another name of the model, another key, and one clear error without a template."""

import lga_core
from lga_core.editing.files.easyedit.facts_file import CHAT


def test_chat_is_the_model_under_another_name(here, chat_folder, fact_file):
    arguments = ("score", chat_folder, fact_file, "--limit", 2, "--json", "--quiet")
    (asked,) = here(*arguments, "--chat").json
    assert asked["model"] == f"{chat_folder}:chat" and not asked["from_store"]
    (named,) = here("score", f"{chat_folder}:chat", *arguments[2:]).json
    assert named["from_store"] and named["run"] == asked["run"]
    (plain,) = here(*arguments).json
    assert not plain["from_store"] and plain["run"] != asked["run"] and plain["total"] != asked["total"]


def test_a_trace_shows_the_templates_tokens(here, chat_folder, fact_file):
    arguments = ("trace", chat_folder, fact_file, "--index", 0, "--chat", "--json", "--quiet", "--set", "draws=1")
    traced = here(*arguments).json
    text = "".join(traced["tokens"])
    assert text.startswith("[user]\n") and text.rstrip().endswith("\n[assistant]") and traced["prompt"] in text
    begin, end = traced["subject"]
    assert "".join(traced["tokens"][begin:end]).strip() in traced["prompt"]


def test_without_a_template_it_is_one_line(here, tiny_folder, fact_file):
    answer = here("score", tiny_folder, fact_file, "--chat", "--quiet")
    assert answer.code == 2 and "has no chat template. Turn chat off" in answer.err


def test_an_edit_for_easyedit_says_that_it_asks_plain_prompts_there(here, chat_folder, fact_file, tmp_path):
    settings = ("--set", "steps=2", "--set", "contexts=0", "--set", "covariance=identity", "--quiet")
    arguments = ("edit", chat_folder, fact_file, "--index", 0, "--layers", 1, *settings, "--export-easyedit")
    asked = here(*arguments, tmp_path / "chat", "--chat")
    assert asked.code == 0 and f"not the same there: {CHAT}" in asked.out
    assert CHAT in (tmp_path / "chat" / "hparams.yaml").read_text()
    assert CHAT not in here(*arguments, tmp_path / "plain").out


def test_commands_without_a_model_have_no_such_option(here, fact_file):
    assert here("facts", fact_file, "--chat").code == 2


def test_the_python_function_takes_it_too(chat_folder):
    model = lga_core.load(str(chat_folder), chat=True)
    assert model.name == f"{chat_folder}:chat" and model.chat is not None
