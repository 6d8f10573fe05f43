"""What every provider must do. Subclass once for each implementation."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.sender.ports import Message, Provider, Verdict


class Outlet(Protocol):
    """A provider, and what it made of the messages at its far end."""

    provider: Provider

    def texts(self) -> Sequence[tuple[str, str, str, str]]:
        """(to, subject, text, html) of all that was taken, in no order."""
        ...

    async def away(self) -> None:
        """Make it impossible to reach the far end."""
        ...


def a_message(send_id: str = "ab" * 16, **fields: object) -> Message:
    values: dict[str, object] = {
        "send_id": send_id,
        "attempt": 1,
        "campaign_id": "abandoned-cart",
        "reason": "the cart was left for 1 h",
        "to_address": "ada@example.invalid",
        "subject": "Your cart",
        "text": "Hello Ada\n",
        "html": "<p>Hello Ada</p>\n",
        "event_at_us": 0,
    }
    return Message(**{**values, **fields})  # type: ignore[arg-type]  # fields of Message by name


class ProviderContract(ABC):
    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[Outlet]: ...

    def tell(self, story: Callable[[Outlet], Awaitable[None]]) -> None:
        async def telling() -> None:
            async with self.opened() as outlet:
                await story(outlet)
                await outlet.provider.close()

        asyncio.run(telling())

    def test_a_message_arrives_as_written_and_the_answer_says_when_it_left(self) -> None:
        async def story(outlet: Outlet) -> None:
            answer = await outlet.provider.send(a_message())

            assert answer.verdict is Verdict.ACCEPTED
            assert answer.first_byte_at_us > 0
            assert answer.provider_message_id
            assert outlet.texts() == [("ada@example.invalid", "Your cart", "Hello Ada\n", "<p>Hello Ada</p>\n")]

        self.tell(story)

    def test_letters_of_all_scripts_arrive(self) -> None:
        async def story(outlet: Outlet) -> None:
            subject = "Größe „42“ – 価格 🛒 " + "länger " * 30
            await outlet.provider.send(a_message(subject=subject.strip(), text="Größe\n" * 90, html="<p>価格</p>"))

            assert outlet.texts() == [("ada@example.invalid", subject.strip(), "Größe\n" * 90, "<p>価格</p>")]

        self.tell(story)

    def test_an_email_without_html_arrives_as_text(self) -> None:
        async def story(outlet: Outlet) -> None:
            await outlet.provider.send(a_message(html=""))

            assert outlet.texts() == [("ada@example.invalid", "Your cart", "Hello Ada\n", "")]

        self.tell(story)

    def test_many_at_once_arrive_once_each(self) -> None:
        async def story(outlet: Outlet) -> None:
            messages = [a_message(f"{n:032x}", to_address=f"c{n}@example.invalid") for n in range(50)]

            answers = await asyncio.gather(*(outlet.provider.send(message) for message in messages))

            assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
            assert sorted(text[0] for text in outlet.texts()) == sorted(message.to_address for message in messages)

        self.tell(story)

    def test_what_cannot_have_left_is_proven_unprocessed(self) -> None:
        async def story(outlet: Outlet) -> None:
            await outlet.away()

            answer = await outlet.provider.send(a_message())

            assert (answer.verdict, answer.first_byte_at_us) == (Verdict.NOT_PROCESSED, 0)
            assert "ada@" not in answer.detail
            assert outlet.texts() == []

        self.tell(story)
