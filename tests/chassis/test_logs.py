from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from sendwhen.chassis.logs import configure_logs
from sendwhen.errors import Invalid, NotFound


@pytest.fixture(autouse=True)
def own_configuration() -> Iterator[None]:
    """What is configured here writes to a stream that ends with the test."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def _logged(error: Exception, capsys: pytest.CaptureFixture[str]) -> str:
    configure_logs("test")
    try:
        raise error
    except Exception as raised:
        structlog.get_logger().error("call.failed", exc_info=raised)
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["event"], line["service"]) == ("call.failed", "test")
    return str(line["exception"])


def test_a_logged_exception_tells_where_and_what_kind_but_not_the_value_it_quotes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = _logged(KeyError("ada@example.com"), capsys)

    assert "test_logs.py" in told
    assert told.endswith("KeyError")
    assert "ada" not in told


def test_an_error_of_ours_keeps_its_sentence_for_it_holds_no_personal_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert _logged(NotFound("There is no campaign."), capsys).endswith("NotFound: There is no campaign.")


def test_an_unknown_level_is_refused_with_those_there_are() -> None:
    with pytest.raises(Invalid, match="debug, info"):
        configure_logs("test", level="loud")
