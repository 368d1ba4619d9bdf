"""Where the page finds its chat server, and what its policy lets it reach and run."""

import json
import re

import pytest
from page_support import PAGE_FILE, PAGE_FOLDER

def test_says_what_to_do_when_no_server_is_set(open_page):
    chat = open_page(PAGE_FILE.as_uri(), connected=False)
    chat.eventually(lambda: chat.state, "No server")
    [note] = chat.notes
    assert "?url=wss://" in note and "config.json" in note


@pytest.mark.parametrize(
    "url", ["https://a.example/", "javascript:alert(1)", "example.org", "ws://a b/", "wss://a;script-src *", "wss://"]
)
def test_refuses_what_is_not_the_address_of_a_websocket(open_page, url, stack, page_for):
    chat = open_page(page_for(url), connected=False)
    chat.eventually(lambda: chat.state, "No server")
    chat.page.get_by_role("button", name="Start").click()
    chat.page.wait_for_timeout(200)
    [note] = chat.notes
    assert url in note and "?url=wss://" in note
    assert all(request.startswith(stack.page_url) for request in chat.requests)


def test_works_from_a_file_without_a_web_server(stack, open_page):
    chat = open_page(PAGE_FILE.as_uri() + "?url=" + stack.websocket_url)
    chat.write("from a file")
    chat.eventually(lambda: chat.messages, ["from a file"])


def test_only_the_page_s_own_script_and_style_may_run():
    page = PAGE_FILE.read_text()
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    directives = [re.sub(r"'sha256-[^']*'", "HASH", directive.strip()) for directive in policy.split(";")]
    assert directives == [
        "default-src 'none'",
        "script-src HASH",
        "style-src HASH",
        "connect-src 'self' ws: wss:",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [content] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
        fitting = "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        [stated] = re.findall(rf"{directive} '([^']*)'", page)
        assert stated == fitting, (
            f"web/index.html's <{tag}> was changed: in its policy, {directive} must be '{fitting}'"
        )
    assert not re.search(r"\son\w+=|\sstyle=|innerHTML|insertAdjacentHTML|document\.write|eval\(", page)


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


def test_reaches_no_host_but_the_socket_s(stack, open_page, gateway):
    chat = open_page(stack.page_url)
    assert chat.page.evaluate(TRY_TO_REACH, stack.websocket_url) == "reached"
    assert chat.page.evaluate(TRY_TO_REACH, gateway.url) == "connect-src"
    assert chat.page.evaluate(TRY_TO_REACH, gateway.url.replace("ws:", "http:")) == "connect-src"
    injected = """() => new Promise((resolve) => {
      addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      const script = document.createElement("script");
      try { script.textContent = "window.ran = true"; } catch { resolve("trusted types"); }
      document.body.append(script);
    })"""
    assert chat.page.evaluate(injected) in ("trusted types", "script-src-elem", "require-trusted-types-for")
    assert chat.page.evaluate("window.ran") is None
    chat.problems.clear()  # these were ours


def test_asks_no_third_party_for_anything(stack, open_page):
    chat = open_page(stack.page_url)
    chat.write("https://swift.org/ is a link, not a request")
    chat.eventually(lambda: len(chat.messages), 1)
    origins = {
        re.match(r"\w+://[^/]+", request).group() for request in chat.requests if not request.startswith("data:")
    }
    assert origins == {re.match(r"\w+://[^/]+", url).group() for url in (stack.page_url, stack.websocket_url)}
