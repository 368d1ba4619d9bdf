"""The page's configuration and its Content Security Policy."""

import json
import re

import pytest
from page_support import PAGE_FILE, PAGE_FOLDER


NOT_SOCKETS = [
    "https://a.example/",
    "javascript:alert(1)",
    "example.org",
    "ws://a b/",
    "wss://a;script-src *",
    "wss:///?",
    "<b>x</b>",
]


def configured(page_server, url):
    page_server.configuration = (200, json.dumps({"url": url}).encode())


# ------------------------------------------------------------------ The chat server's address


def test_missing_configuration_shows_instructions(open_page):
    chat = open_page(PAGE_FILE.as_uri(), connected=False)
    chat.eventually(lambda: chat.state, "No server")
    [note] = chat.notes
    assert "?url=wss://" in note and "config.json" in note


@pytest.mark.parametrize("source", ["link", "config.json"])
@pytest.mark.parametrize("url", NOT_SOCKETS)
def test_invalid_websocket_address_is_rejected(open_page, url, source, page_server):
    if source == "config.json":
        configured(page_server, url)
    chat = open_page(page_server.page_for(url if source == "link" else ""), connected=False)
    chat.eventually(lambda: chat.state, "No server")
    chat.page.get_by_role("button", name="Start").click()
    chat.page.wait_for_timeout(200)
    [note] = chat.notes
    assert "not a WebSocket address" in note and "?url=wss://" in note
    assert url not in note, "the page must not show text from a link"
    assert all(request.startswith((page_server.url, "data:")) for request in chat.requests)


@pytest.mark.parametrize("link", ["", "ws://127.0.0.1:9/evil", "nonsense"])
def test_config_json_takes_precedence_over_the_link(open_page, fake_chat, page_server, link):
    configured(page_server, fake_chat.url)
    chat = open_page(page_server.page_for(link))
    chat.write("to the configured server")
    chat.eventually(lambda: chat.messages, ["to the configured server"])
    assert not [url for url in chat.requests if url.startswith("ws:") and not url.startswith(fake_chat.url)]


@pytest.mark.parametrize(
    "configuration",
    [
        (200, b"{}"),
        (200, b'{"url": null}'),
        (200, b'{"url": ""}'),
        (200, b'{"url": 5}'),
        (200, b"null"),
        (200, b"[]"),
        (200, b"<!doctype html>"),
        (200, b""),
        (403, b""),
        (429, b""),
        (500, b""),
        (503, b""),
    ],
)
def test_link_does_not_replace_a_failing_config_json(open_page, fake_chat, page_server, configuration):
    """The sender of a link may be able to make config.json fail, for example by overloading the server."""
    page_server.configuration = configuration
    chat = open_page(page_server.page_for(fake_chat.url), connected=False)
    chat.eventually(lambda: chat.state, "No server")
    assert fake_chat.handshakes == [] and fake_chat.url not in chat.notes[0]
    configured(page_server, fake_chat.url)
    chat.page.get_by_role("button", name="Start").click()
    chat.wait_for_state("Connected")


def test_link_does_not_replace_an_unreachable_config_json(open_page, fake_chat, page_server):
    def refuse(page):
        page.route("**/config.json", lambda route: route.abort())

    chat = open_page(page_server.page_for(fake_chat.url), connected=False, before=refuse)
    chat.eventually(lambda: chat.state, "No server")
    assert fake_chat.handshakes == []


def test_link_is_used_without_a_config_json(open_page, fake_chat, page_server):
    chat = open_page(page_server.page_for(fake_chat.url))
    chat.write("hello")
    chat.eventually(lambda: chat.messages, ["hello"])


def test_page_opens_from_disk_without_a_web_server(fake_chat, open_page):
    chat = open_page(f"{PAGE_FILE.as_uri()}?url={fake_chat.url}")
    chat.write("from disk")
    chat.eventually(lambda: chat.messages, ["from disk"])


# ------------------------------------------------------------------ Content Security Policy


def test_scripts_and_styles_load_from_the_page_s_folder_only():
    page = PAGE_FILE.read_text()
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert [directive.strip() for directive in policy.split(";")] == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self' ws: wss: https: http://127.0.0.1:* http://localhost:*",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    named = re.findall(r'(?:src|href)="([^":]*)"', page)
    assert sorted([*named, "index.html"]) == sorted(file.name for file in PAGE_FOLDER.iterdir())
    forbidden = r"\son\w+=|\sstyle=|<script>|<style|innerHTML|insertAdjacentHTML|document\.write|eval\("
    for file in PAGE_FOLDER.iterdir():
        assert not re.search(forbidden, file.read_text()), file


TRY_TO_REACH = """async (address) => {
  const refused = new Promise((resolve) => {
    addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
  });
  const reached = new Promise((resolve) => {
    if (address.startsWith("ws")) {
      const socket = new WebSocket(address);
      socket.onopen = () => resolve("reached");
    } else fetch(address, { mode: "no-cors" }).then(() => resolve("reached"), () => {});
  });
  return Promise.race([refused, reached, new Promise((resolve) => setTimeout(resolve, 5000, "neither"))]);
}"""


def test_policy_blocks_every_host_except_the_socket_s(stack, open_page, fake_chat):
    chat = open_page(f"{stack.page_url}#policy")
    assert chat.page.evaluate(TRY_TO_REACH, stack.websocket_url) == "reached"
    assert chat.page.evaluate(TRY_TO_REACH, fake_chat.url) == "connect-src"
    assert chat.page.evaluate(TRY_TO_REACH, fake_chat.url.replace("ws:", "http:")) == "connect-src"
    injected = """() => new Promise((resolve) => {
      addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      const script = document.createElement("script");
      try { script.textContent = "window.ran = true"; } catch { resolve("trusted types"); }
      document.body.append(script);
    })"""
    assert chat.page.evaluate(injected) in ("trusted types", "script-src-elem", "require-trusted-types-for")
    assert chat.page.evaluate("window.ran") is None
    chat.problems.clear()  # the violations that this test provoked


def test_policy_allows_the_token_endpoint_where_people_sign_in(open_signed_in, issuer, page_server):
    chat = open_signed_in()
    assert chat.page.evaluate(TRY_TO_REACH, f"{issuer.url}/token") == "reached"
    assert chat.page.evaluate(TRY_TO_REACH, page_server.url) == "connect-src"
    assert chat.page.evaluate(TRY_TO_REACH, "https://127.0.0.1:9/") == "connect-src"
    chat.problems.clear()  # the violations that this test provoked


def test_policy_allows_no_issuer_where_no_person_signs_in(chat, issuer):
    assert chat.page.evaluate(TRY_TO_REACH, f"{issuer.url}/token") == "connect-src"
    assert issuer.requests == []
    chat.problems.clear()  # the violation that this test provoked


def test_page_sends_no_request_to_a_third_party(stack, open_page):
    chat = open_page(f"{stack.page_url}#third-party")
    chat.write("https://swift.org/ is a link, not a request")
    chat.eventually(lambda: chat.count, 1)
    origins = {
        re.match(r"\w+://[^/]+", request).group() for request in chat.requests if not request.startswith("data:")
    }
    assert origins == {re.match(r"\w+://[^/]+", url).group() for url in (stack.page_url, stack.websocket_url)}
