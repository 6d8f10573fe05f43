"""The inbox page in a real browser, and what it refuses."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import async_playwright

from sendwhen.chassis.clock import SystemClock
from services.sender.eml_provider import EmlProvider
from services.sender.inbox import Inbox
from services.sender.inbox_page import InboxPage
from tests.contract.provider import a_message

pytestmark = pytest.mark.integration
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
EVIL = """<p id="said">Hello Ada</p><script>document.getElementById('said').textContent = 'ran'; parent.ran = 1</script>
<img src="https://tracker.example/x.gif" onerror="parent.ran = 1"><form action="https://evil.example"></form>"""


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[InboxPage, EmlProvider]]:
    inbox = Inbox(folder)
    page = InboxPage(inbox, listen="127.0.0.1:0")
    await page.start()
    clock = SystemClock()
    yield page, EmlProvider(folder=folder, sender_address="a@example.com", clock=clock, on_written=inbox.add)
    await page.stop()


def test_the_page_answers_to_this_machines_names_only_and_never_leaves_its_list(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as (page, provider), httpx.AsyncClient(trust_env=False) as client:
            await provider.send(a_message("aa", html=EVIL))
            url = f"http://127.0.0.1:{page.port}"

            rebound = await client.get(url, headers={"Host": "evil.example:7480"})
            listed = (await client.get(f"{url}/emails", headers={"Host": f"localhost:{page.port}"})).json()
            html = await client.get(f"{url}/emails/aa/html")

            assert rebound.status_code == 421
            assert [(line["name"], line["campaign"]) for line in listed] == [("aa", "abandoned-cart")]
            assert (await client.get(f"{url}/emails?after={listed[0]['number']}")).json() == []
            for after in ("x", "9" * 5_000):
                assert (await client.get(f"{url}/emails?after={after}")).status_code == 400
            told = (await client.get(f"{url}/emails/aa")).json()
            assert (told["has_html"], told["has_remote_images"], "Hello Ada" in told["text"]) == (True, True, True)
            assert html.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
            for path in (
                "/emails/bb",
                "/emails/bb/html",
                "/emails/..%2Faa/text",
                "/static/inbox_page.py",
                "/static/..%2Finbox.py",
            ):
                assert (await client.get(url + path)).status_code == 404, path

    asyncio.run(story())


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed")
def test_an_email_that_arrives_appears_in_the_browser_and_its_script_does_not_run(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as (served_page, provider), async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
            )
            page = await browser.new_page()
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            await page.goto(f"http://127.0.0.1:{served_page.port}/")
            await page.get_by_text("No email yet.").wait_for()

            await provider.send(a_message(subject="Your <b>cart</b>", html=EVIL, event_at_us=1))
            await page.get_by_role("button", name="Your <b>cart</b>").click()

            said = page.frame_locator("#frame").locator("#said")
            await said.wait_for()
            assert await said.text_content() == "Hello Ada"
            assert await page.evaluate("window.ran") is None
            assert await page.get_by_role("heading", name="Your <b>cart</b>").count() == 1
            assert await page.locator("#reason").text_content() == "the cart was left for 1 h"
            assert await page.locator("#campaign").text_content() == "abandoned-cart"
            assert await page.locator("#waited").text_content()
            await page.get_by_role("tab", name="Text").click()
            await page.locator("#text", has_text="Hello Ada").wait_for()

            await provider.send(a_message("bb", subject="Plain words", html="", text="Nothing but text"))
            await page.get_by_role("searchbox").fill("plain")
            await page.get_by_role("button", name="Your <b>cart</b>").wait_for(state="hidden")
            await page.get_by_role("tab", name="HTML").click()
            await page.get_by_role("button", name="Plain words").click()
            await page.locator("#text:visible", has_text="Nothing but text").wait_for()
            assert await page.get_by_role("tab", name="HTML").is_disabled()
            assert await page.locator("#status").text_content() == "1 of 2 emails"
            assert {url.split("/")[2].split(":")[0] for url in asked if url.startswith("http")} <= {
                "127.0.0.1",
                "tracker.example",
            }
            await browser.close()

    asyncio.run(story())
