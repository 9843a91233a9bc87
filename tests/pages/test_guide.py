"""The guided path: what is ticked off, and that it stays away once it is dismissed."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import APP
from tests.pages.driving import wait

STEPS = ["Choose model and facts", "Score the layers", "Read the answer", "Try the edit", "Sweep and compare"]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, tmp_path) -> SimpleNamespace:
    """What the browser tells, and what it is told to keep: which tab this is, and whether the path is off."""
    told = SimpleNamespace(name=str(tmp_path), guide_off=False)

    def component(*, data, **_):
        if data["guide_off"] is not None:
            told.guide_off = data["guide_off"]
        return told

    monkeypatch.setattr("pages._ui.session.tab._component", component)
    return told


def shown(app: AppTest) -> bool:
    return "dismiss_guide" in {button.key for button in app.button}


def ticked(app: AppTest) -> list[str]:
    """The steps that are done."""
    links = [link.proto for link in app.get("page_link") if link.proto.icon.startswith(":material/c")]
    assert [link.label.removeprefix(":gray[").strip("*]") for link in links] == STEPS
    done = [STEPS[place] for place, link in enumerate(links) if link.icon == ":material/check_circle:"]
    marked = [STEPS[place] for place, link in enumerate(links) if link.label.startswith("**")]
    assert marked == [step for step in STEPS if step not in done][:1], "the next step is the one that stands out"
    return done


def test_a_step_is_ticked_off_when_it_is_done(ready: AppTest, browser: SimpleNamespace):
    ready.run()
    assert ticked(ready) == STEPS[:1]
    ready.button(key="score").click().run()
    assert ticked(ready) == STEPS[:1], "it is not finished yet"
    wait(ready)
    assert ticked(ready) == STEPS[:2]
    ready.multiselect(key="layers").set_value([1]).run()
    assert ticked(ready) == STEPS[:3]
    ready.switch_page("edits.py").run()
    assert ticked(ready) == STEPS[:3]


def test_once_dismissed_it_stays_away_in_this_browser_until_it_is_called_back(app: AppTest, browser: SimpleNamespace):
    app.run()
    assert ticked(app)
    app.button(key="dismiss_guide").click().run()
    assert not shown(app) and browser.guide_off
    browser.name = "another tab"
    again = AppTest.from_file(str(APP), default_timeout=900).run().run()
    assert not shown(again) and not again.exception
    again.button(key="show_guide").click().run()
    assert ticked(again) and not browser.guide_off and "show_guide" not in {button.key for button in again.button}


def test_nothing_is_shown_before_the_browser_has_said_so(app: AppTest):
    assert not shown(app)
