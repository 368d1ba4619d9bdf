"""The oldest browsers that the page supports: Safari 15.4, Firefox 100 and Chrome 99."""

import re

import pytest
from page_support import PAGE_FOLDER, deliver

# Patterns for syntax and interfaces that at least one of the three lacks. Source: MDN's browser compatibility data.
TOO_NEW_FOR_SCRIPTS = [
    r"canParse|URL\.parse\b|requestSubmit|showPicker|togglePopover|showPopover",
    r"\.(toSorted|toReversed|toSpliced|with|findLast|findLastIndex|isWellFormed|toWellFormed)\(",
    r"\.(union|intersection|difference|isSubsetOf)\(|\bgroupBy\(|fromAsync|withResolvers|Promise\.try",
    r"AbortSignal\.(timeout|any)|scheduler\.|requestIdleCallback|Iterator\.|\.checkVisibility\(|startViewTransition",
    r"\(\?<[=!]|/[a-z]*v[a-z]*\s*[;,)]",  # look-behind, and the flag v
    r"static \{|^\s*(import|export)\b|\bawait using\b|\busing \w+ =",
    r"setHTML|getHTML|\.moveBefore\(|CompressionStream|structuredClone\([^)]*,|DurationFormat|Segmenter",
]
TOO_NEW_FOR_STYLES = [
    r":has\(|&[\s:.]|@container|@scope|@starting-style|color-mix\(|light-dark\(|oklch\(|lab\(|:popover-open|text-wrap",
    r"[\d.](lvh|svh|lvw|svw|cqw|cqi|lh|rlh)\b|(?<![-\w])(translate|rotate|scale):",
]
# Interfaces deleted before the page starts: a use that the patterns miss fails at run time.
DELETED = [
    "URL.canParse",
    "URL.parse",
    "HTMLFormElement.prototype.requestSubmit",
    "AbortSignal.timeout",
    "AbortSignal.any",
    "Promise.withResolvers",
    "Object.groupBy",
    "Map.groupBy",
    "Array.fromAsync",
    "Array.prototype.findLast",
    "Array.prototype.findLastIndex",
    "Array.prototype.toSorted",
    "Array.prototype.toReversed",
    "Array.prototype.toSpliced",
    "Array.prototype.with",
    "String.prototype.isWellFormed",
    "String.prototype.toWellFormed",
    "Element.prototype.checkVisibility",
    "Element.prototype.setHTML",
    "Document.prototype.startViewTransition",
    "Intl.Segmenter",
    "Set.prototype.union",
    "window.scheduler",
    "window.requestIdleCallback",
    "window.navigation",
    "window.Iterator",
    "window.trustedTypes",
    "HTMLElement.prototype.inert",
    "HTMLElement.prototype.showPopover",
    "navigator.clipboard",
    "Navigator.prototype.connection",
    "Navigator.prototype.userAgentData",
]


@pytest.mark.parametrize("file", sorted(PAGE_FOLDER.iterdir()), ids=lambda file: file.name)
def test_source_uses_only_supported_features(file):
    patterns = {".js": TOO_NEW_FOR_SCRIPTS, ".css": TOO_NEW_FOR_STYLES}.get(file.suffix, [])
    source = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", file.read_text(), flags=re.DOTALL)
    for pattern in patterns:
        assert not (found := re.search(pattern, source, re.MULTILINE)), found
    # Chrome before 108, Safari before 15.4 and Firefox before 101 ignore dvh and need a preceding fallback.
    for line in re.findall(r"[^\n]*[\d.]dvh[^\n]*", source):
        name, value = re.search(r"([\w-]+): ([\d.]+)dvh", line).groups()
        assert re.search(rf"{name}: {value}(vh|%); {name}: {value}dvh", line), line


def test_page_works_without_newer_interfaces(open_page, fake_chat, page_for):
    missing = "".join(f"try {{ delete {name}; }} catch {{}}\n" for name in DELETED)
    chat = open_page(page_for(fake_chat.url), before=lambda page: page.add_init_script(missing))
    assert chat.page.evaluate("[URL.canParse, HTMLFormElement.prototype.requestSubmit]") == [None, None]
    chat.page.keyboard.type("by the keyboard, https://swift.org/")
    chat.page.keyboard.press("Enter")
    chat.write("by the button")
    chat.eventually(lambda: chat.messages, ["by the keyboard, https://swift.org/", "by the button"])
    assert chat.page.locator("#messages a").get_attribute("href") == "https://swift.org/"
    deliver(fake_chat, "\n" * 100)
    chat.eventually(lambda: chat.count, 3)
    chat.show_all()
    fake_chat.drop()
    chat.eventually(lambda: len(fake_chat.handshakes), 2)
    chat.wait_for_state("Connected")
    chat.page.click("#change-name")
    chat.page.fill("#name", "Ann")
    chat.page.fill("#room", "kitchen")
    chat.page.get_by_role("button", name="Save").click()
    chat.eventually(lambda: chat.page.inner_text("#title"), "kitchen")
    chat.wait_for_state("Connected")
    chat.page.click("#people-button")
    chat.eventually(lambda: chat.people, ["Ann (you)"])
    chat.page.get_by_role("button", name="Copy link").click()
    assert chat.page.input_value("#link").endswith("#kitchen"), "without a clipboard, the link is shown"
    chat.page.get_by_role("button", name="Stop").click()
    chat.wait_for_state("Stopped")
    chat.page.get_by_role("button", name="Start").click()
    chat.wait_for_state("Connected")
