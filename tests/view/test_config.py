"""The app's configuration: safe by default, two themes with the figures' colours, nothing fetched."""

import tomllib
from pathlib import Path

import pytest

from lga_core.view.figures.parts.style import THEMES

CONFIG = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())


def test_the_server_is_local_and_closed():
    server = CONFIG["server"]
    assert server["address"] == "127.0.0.1" and set(server["allowedHosts"]) == {"localhost", "127.0.0.1"}
    assert server["enableXsrfProtection"] and server["headless"] and not server["enableAgentApi"]
    assert server["maxUploadSize"] == 20 and server["fileWatcherType"] == "none"
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["client"] == {"showErrorDetails": "type", "toolbarMode": "viewer"}


@pytest.mark.parametrize("name", THEMES)
def test_each_theme_has_the_figures_ground(name):
    chosen, look = CONFIG["theme"][name], THEMES[name]
    assert (chosen["backgroundColor"], chosen["textColor"], chosen["borderColor"] != "") == (look.page, look.ink, True)
    assert look.gold not in str(chosen)


def test_both_themes_are_offered_and_no_font_is_fetched():
    assert "base" not in CONFIG["theme"]
    assert "http" not in str(CONFIG["theme"]) and "fontFaces" not in CONFIG["theme"]
