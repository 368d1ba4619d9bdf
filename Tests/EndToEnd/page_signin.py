"""Fixtures and helpers for tests of the page where people sign in."""

import json

import pytest


def configure(page_server, fake_chat, issuer, /, **sign_in):
    """Writes the page's config.json. A field of `signIn` that is None is left out."""
    fields = {"issuer": issuer.url, "clientId": issuer.client_id, **sign_in}
    given = {name: value for name, value in fields.items() if value is not None}
    page_server.configuration = (200, json.dumps({"url": fake_chat.url, "signIn": given}).encode())


@pytest.fixture
def entrance(page_server, fake_chat, issuer):
    """The page's address, in a chat where people sign in."""
    fake_chat.issuer = issuer
    configure(page_server, fake_chat, issuer)
    return page_server.url


def quick(page):
    """Shortens the backoff of a page."""
    page.add_init_script("Math.random = () => 0.01")


@pytest.fixture
def open_signed_in(open_page, entrance):
    """A function that opens the page and signs a person in."""

    def open_signed_in(user="ann", room="lobby", **options):
        chat = open_page(f"{entrance}#{room}", connected=False, before=quick, **options)
        sign_in(chat, user)
        return chat

    return open_signed_in


def sign_in(chat, user="ann", connected=True):
    chat.wait_for_state("Signed out")
    chat.page.click("#sign-in-button")
    chat.page.fill("[name=user]", user)
    chat.page.get_by_role("button", name="Sign in").click()
    if connected:
        chat.wait_for_state("Connected")


def invitation(chat):
    return chat.page.inner_text("#sign-in-text")


def traces(chat):
    """Returns everything that the page has stored, shows, or has in its address."""
    return chat.page.evaluate(
        """() => [localStorage, sessionStorage].map((storage) => JSON.stringify({ ...storage })).join()
             + document.documentElement.outerHTML + location.href"""
    )
