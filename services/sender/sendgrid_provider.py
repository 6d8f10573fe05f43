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

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any, Final

import httpx
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
from services.sender.ports import Answer, Message, Verdict

_DOCUMENTED_UNPROCESSED: Final = 503
_PATH: Final = "/v3/mail/send"
_FIRST_WRITE: Final = "http11.send_request_headers.started"
_RESET_S_MAX: Final = 3_600
_DETAIL_CHARACTERS_MAX: Final = 200


@dataclass(slots=True)
class _Wire:
    """Notes when the first byte of a request is about to leave."""

    clock: Clock
    first_byte_at_us: int = field(default=0)

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        del info
        if event == _FIRST_WRITE and not self.first_byte_at_us:
            self.first_byte_at_us = self.clock.now_us()


class SendgridProvider:
    """A Provider that posts to SendGrid over one pool of connections."""

    name = "sendgrid"

    def __init__(
        self, *, key: str, base_url: str, sender_address: str, timeout_ms: int, connections_max: int, clock: Clock
    ) -> None:
        name, address = parseaddr(sender_address)
        self._from = From(address, name or None)
        self._clock = clock
        self._server = httpx.URL(base_url).host
        timeout_s = timeout_ms / 1_000
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
            timeout=httpx.Timeout(timeout_s, connect=min(5.0, timeout_s), pool=min(5.0, timeout_s)),
            limits=httpx.Limits(
                max_connections=connections_max, max_keepalive_connections=connections_max, keepalive_expiry=30.0
            ),
            # What the environment says of proxies must not decide where emails go.
            trust_env=False,
            follow_redirects=False,
        )

    async def send(self, message: Message) -> Answer:
        """See Provider."""
        wire = _Wire(self._clock)
        try:
            response = await self._client.post(
                _PATH, content=msgspec.json.encode(self._body(message)), extensions={"trace": wire.trace}
            )
        except (httpx.HTTPError, OSError) as error:
            return self._broken(error, wire)
        return self._classified(response, wire)

    async def close(self) -> None:
        """See Provider."""
        await self._client.aclose()

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

    def _broken(self, error: Exception, wire: _Wire) -> Answer:
        what = type(error).__name__
        if not wire.first_byte_at_us:
            return self._answer(
                Verdict.NOT_PROCESSED, f"No connection to SendGrid ({what}); nothing was written.", wire
            )
        return self._answer(
            Verdict.UNKNOWN, f"The connection to SendGrid failed after bytes were written ({what}).", wire
        )

    def _classified(self, response: httpx.Response, wire: _Wire) -> Answer:
        status = response.status_code
        detail = f"SendGrid answered {status}{_explained(response)}"
        if status in (200, 202):
            return self._answer(
                Verdict.ACCEPTED, "", wire, status=status, message_id=response.headers.get("X-Message-Id", "")
            )
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return self._answer(
                Verdict.NOT_PROCESSED, detail, wire, status=status, retry_at_ms=self._reset_at_ms(response)
            )
        if status == _DOCUMENTED_UNPROCESSED and _errors_of(response) is not None:
            return self._answer(Verdict.NOT_PROCESSED, detail, wire, status=status)
        if 400 <= status < 500:
            return self._answer(Verdict.REJECTED, detail, wire, status=status)
        return self._answer(Verdict.UNKNOWN, detail, wire, status=status)

    def _reset_at_ms(self, response: httpx.Response) -> int:
        try:
            reset_s = int(response.headers["X-RateLimit-Reset"])
        except (KeyError, ValueError):
            return 0
        # A reset far away is a clock that is wrong; ours then decides by its own back-off.
        return reset_s * 1_000 if reset_s - self._clock.now_ms() // 1_000 <= _RESET_S_MAX else 0

    def _answer(
        self,
        verdict: Verdict,
        detail: str,
        wire: _Wire,
        *,
        status: int = 0,
        message_id: str = "",
        retry_at_ms: int = 0,
    ) -> Answer:
        return Answer(
            verdict=verdict,
            detail=detail,
            provider_message_id=message_id,
            retry_at_ms=retry_at_ms,
            first_byte_at_us=wire.first_byte_at_us,
            http_status=status,
            server_address=self._server,
        )


def _errors_of(response: httpx.Response) -> list[Any] | None:
    """SendGrid's own list of errors, or None where the body is somebody else's."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    errors = body.get("errors") if isinstance(body, dict) else None
    return errors if isinstance(errors, list) else None


def _explained(response: httpx.Response) -> str:
    """The fields that SendGrid names; its messages may quote addresses, so they are left out."""
    fields = [
        str(error["field"])
        for error in _errors_of(response) or ()
        if isinstance(error, dict) and error.get("field") not in (None, "null")
    ]
    return (" about " + ", ".join(fields))[:_DETAIL_CHARACTERS_MAX] + "." if fields else "."
