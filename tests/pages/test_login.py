"""Where a login is configured nothing is shown before it; where none is, nothing asks for one."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "app.py"


def test_nothing_is_drawn_before_the_login():
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.secrets["auth"] = {
        "redirect_uri": "http://localhost:8501/oauth2callback",
        "cookie_secret": "x" * 32,
        "client_id": "lga",
        "client_secret": "secret",
        "server_metadata_url": "https://login.example/.well-known/openid-configuration",
    }
    app.run()
    assert not app.exception and [button.key for button in app.button] == ["log_in"]
    assert not app.sidebar.button and not app.selectbox and not app.text_input
