"""The login in a real Chromium, with an OpenID Connect provider on this machine: before it, without it, in and out."""

import threading
from collections.abc import Iterator

import pytest
from jinja2 import ChoiceLoader, DictLoader
from oidc_provider_mock import User
from oidc_provider_mock import app as provider_app
from playwright.sync_api import Locator, Page, expect
from werkzeug.serving import make_server

from lga_core.bench.dashboard.server import served
from tests.browser.auditing import audit
from tests.browser.resting import SLOW, idle, settled

pytestmark = pytest.mark.browser

NAME = "<b onmouseover=window.hit=1>@x.y :red[x] [go](http://e.example)"
BEFORE = ["Golden layers", "This server asks who you are.", "Log in"]
FAILED = "The last login was not completed. You can try again."
# The provider's own pages ask another host for their style sheet.
FRAME = "<!doctype html><link rel=icon href=data:,><main>{% block content %}{% endblock %}</main>"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a provider that knows one user."""
    app = provider_app(require_nonce=True, user_claims=[User(sub="ada", claims={"email": NAME})])
    app.jinja_loader = ChoiceLoader([DictLoader({"_base.html": FRAME}), app.jinja_loader])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # for the provider, which speaks http here
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def address(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for a login."""
    home = tmp_path_factory.mktemp("home")
    secrets = home / "secrets.toml"
    secrets.write_text(f"""
[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "lga"
client_secret = "secret"
server_metadata_url = "{provider}/.well-known/openid-configuration"
""")
    with served(home, {"LGA_OFFLINE": "1", "STREAMLIT_SECRETS_FILES": str(secrets)}, home / "server.log") as server:
        yield server.address


def test_the_way_in_and_out(page: Page, address: str, provider: str):
    page.goto(f"{address}/trial_edit?n=7&seed=3&facts=world")
    only_the_login(page)
    button(page, "Log in").click()
    button(page, "Deny").click()
    only_the_login(page, FAILED)
    page.emulate_media(color_scheme="dark")  # where Streamlit's own button has too little contrast
    settled(page)
    audit(page)
    button(page, "Log in").click()
    expect(button(page, "ada")).to_be_visible()
    page.goto(f"{address}/oauth2callback?code=forged&state=forged")
    only_the_login(page, FAILED)

    button(page, "Log in").click()
    button(page, "ada").click()
    inside(page)
    page.reload()
    inside(page)
    assert page.evaluate("window.hit === undefined")

    button(page, "Log out").click()
    page.wait_for_url(f"{provider}/**")
    button(page, "End session").click()
    only_the_login(page)
    page.wait_for_function("window.sessionStorage.length === 0")  # else who logs in next has this tab's edits


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


def only_the_login(page: Page, *messages: str) -> None:
    """Nothing stands on the page but the button and the messages."""
    expect(button(page, "Log in")).to_be_visible(timeout=SLOW)
    for message in messages:
        expect(page.get_by_text(message)).to_be_visible()
    idle(page)
    texts = page.locator("body :is(h1, h2, h3, p, label, [role=link], a[href]:not([href^='#']))")
    assert sorted(texts.all_inner_texts()) == sorted([*BEFORE, *messages])
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)


def inside(page: Page) -> None:
    """The page and the question of the address that was opened before the login, and who has logged in."""
    expect(page.get_by_role("heading", name="Trial edit")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("spinbutton", name="How many")).to_have_value("7")
    expect(page.get_by_role("spinbutton", name="Seed").first).to_have_value("3")
    shown = page.get_by_text("Logged in as").inner_text().replace("\u2060", "")  # which keeps links from being found
    assert shown == f"Logged in as {NAME[:59]}…"
    expect(page.get_by_test_id("stSidebar").locator("[onmouseover], a[href*='e.example']")).to_have_count(0)
