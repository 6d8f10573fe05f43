"""Sends through SendGrid's v3 mail/send, and classifies its answers and its silences.

SendGrid knows no idempotency key, so whether a message may be posted again hangs on one question: is it proven that the
last post was not taken? What counts as proof, and its source:

* Nothing was written: the name was not found, the connection was refused or not made in time, TLS failed.
* 429: over the rate limit; the request was counted and refused. Wait until X-RateLimit-Reset (Unix seconds).
  https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
* 503: "The SendGrid v3 Web API is not available", in SendGrid's own table of answers (kept at
  https://rapidapi.com/sendgrid/api/SendGrid/details). It counts only with SendGrid's JSON body of ``errors``: a proxy
  in between may answer 503 for a request that it had passed on.

500 is listed as "an error occurred on a SendGrid server", which does not say when; 502 and 504 are proxies' words.
These, a timeout after bytes were written, a connection that broke and half an answer are unknown. All other 4xx are
final; repeated bad requests get the account blocked, so they are never repeated.
"""

from __future__ import annotations

from email.utils import parseaddr
from typing import Any, Final

import msgspec
from sendgrid.helpers.mail import (
    Category,
    Content,
    CustomArg,
    From,
    Header,
    Mail,
    Personalization,
    Subject,
    To,
)

from sendwhen.chassis.clock import Clock
from services.sender.http_pool import Answered, AnswerLost, HttpPool, NotSent
from services.sender.ports import Answer, Message, Verdict

_DOCUMENTED_UNPROCESSED: Final = 503
_PATH: Final = "/v3/mail/send"
_TOO_MANY: Final = 429
_RESET_S_MAX: Final = 3_600
_DETAIL_CHARACTERS_MAX: Final = 200


class SendgridProvider:
    """A Provider that posts to SendGrid over one pool of connections."""

    name = "sendgrid"

    def __init__(
        self, *, key: str, base_url: str, sender_address: str, timeout_ms: int, connections_max: int, clock: Clock
    ) -> None:
        name, address = parseaddr(sender_address)
        self._from = From(address, name or None)
        self._clock = clock
        self._pool = HttpPool(
            base_url,
            headers={
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
            timeout_s=timeout_ms / 1_000,
            connections_max=connections_max,
            clock=clock,
        )

    async def send(self, message: Message) -> Answer:
        """See Provider."""
        content = msgspec.json.encode(self._body(message))
        try:
            answered = await self._pool.post(_PATH, content)
        except NotSent as error:
            what = type(error.__cause__).__name__
            return self._answer(Verdict.NOT_PROCESSED, f"No connection to SendGrid ({what}); nothing was written.")
        except AnswerLost as lost:
            what = type(lost.__cause__).__name__
            return self._answer(
                Verdict.UNKNOWN,
                f"The connection to SendGrid failed after bytes were written ({what}).",
                first_byte_at_us=lost.first_byte_at_us,
            )
        return self._classified(answered)

    async def close(self) -> None:
        """See Provider."""
        await self._pool.close()

    def _body(self, message: Message) -> dict[str, Any]:
        mail = Mail()
        mail.from_email = self._from
        mail.subject = Subject(message.subject)
        to = Personalization()
        to.add_to(To(message.to_address))
        # Opaque on purpose: SendGrid keeps custom arguments and categories unredacted, for ever.
        to.add_custom_arg(CustomArg("sendwhen_send_id", message.send_id))
        to.add_custom_arg(CustomArg("sendwhen_attempt", str(message.attempt)))
        mail.add_personalization(to)
        mail.add_header(Header("X-Sendwhen-Send-Id", message.send_id))
        mail.add_category(Category(message.campaign_id[:255]))
        mail.add_content(Content("text/plain", message.text))
        if message.html:
            mail.add_content(Content("text/html", message.html))
        body: dict[str, Any] = mail.get()
        return body

    def _classified(self, answered: Answered) -> Answer:
        status = answered.status
        detail = f"SendGrid answered {status}{_explained(answered)}"
        message_id, retry_at_ms, verdict = "", 0, Verdict.UNKNOWN
        if status in (200, 202):
            verdict, detail, message_id = Verdict.ACCEPTED, "", answered.headers.get("x-message-id", "")
        elif status == _TOO_MANY:
            verdict, retry_at_ms = Verdict.NOT_PROCESSED, self._reset_at_ms(answered)
        elif status == _DOCUMENTED_UNPROCESSED and _errors_of(answered) is not None:
            verdict = Verdict.NOT_PROCESSED
        elif 400 <= status < 500:
            verdict = Verdict.REJECTED
        return self._answer(
            verdict,
            detail,
            first_byte_at_us=answered.first_byte_at_us,
            status=status,
            message_id=message_id,
            retry_at_ms=retry_at_ms,
        )

    def _reset_at_ms(self, answered: Answered) -> int:
        try:
            reset_s = int(answered.headers["x-ratelimit-reset"])
        except (KeyError, ValueError):
            return 0
        # A reset far away is a clock that is wrong; ours then decides by its own back-off.
        return reset_s * 1_000 if reset_s - self._clock.now_ms() // 1_000 <= _RESET_S_MAX else 0

    def _answer(
        self,
        verdict: Verdict,
        detail: str,
        *,
        first_byte_at_us: int = 0,
        status: int = 0,
        message_id: str = "",
        retry_at_ms: int = 0,
    ) -> Answer:
        return Answer(
            verdict=verdict,
            detail=detail,
            provider_message_id=message_id,
            retry_at_ms=retry_at_ms,
            first_byte_at_us=first_byte_at_us,
            http_status=status,
            server_address=self._pool.host,
        )


def _errors_of(answered: Answered) -> list[Any] | None:
    """SendGrid's own list of errors, or None where the body is somebody else's."""
    try:
        body = msgspec.json.decode(answered.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    errors = body.get("errors") if isinstance(body, dict) else None
    return errors if isinstance(errors, list) else None


def _explained(answered: Answered) -> str:
    """The fields that SendGrid names; its messages may quote addresses, so they are left out."""
    fields = [
        str(error["field"])
        for error in _errors_of(answered) or ()
        if isinstance(error, dict) and error.get("field") not in (None, "null")
    ]
    return (" about " + ", ".join(fields))[:_DETAIL_CHARACTERS_MAX] + "." if fields else "."
