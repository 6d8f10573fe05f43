"""Templates: what is missing, what is escaped, what is bounded."""

from __future__ import annotations

import pickle
import time
import traceback
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendwhen.campaigns import MissingValue, NotRendered, Rendered, Template, render, template_hash
from sendwhen.campaigns.templates import check_part
from sendwhen.errors import Invalid

PROPERTIES: dict[str, Any] = {
    "name": "Mug", "none": None, "items": [{"name": "a", "price": 5}, {"name": "b", "none": None}],
    "long": "ab" * 1_000, "digits": "9" * 4_000, "html": "<b>&",
    "break": "one\r\ntwo\nthree", "n": 7,
}  # fmt: skip
CONTEXT = {
    "event": {"name": "Product Added", "id": "e1", "occurred_at_ms": 1_700_000_000_000, "properties": PROPERTIES},
    "customer": {"first_name": "Ann", "email": "ann@example.invalid"},
    "now_ms": 1_700_000_060_000,
}


def rendered(text: str = "x", **parts: str) -> Rendered:
    return render(Template(**{"subject": "s", "text": text, **parts}), CONTEXT)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("Hi {{ customer.first_name }}", "Hi Ann"),
        ("{% if event.properties.absent %}yes{% else %}no{% endif %}", "no"),
        ("{% if event.properties.none.deeper %}yes{% else %}no{% endif %}", "no"),
        ("{% unless event.properties.absent %}no{% endunless %}", "no"),
        ('{{ event.properties.absent | default: "there" }}', "there"),
        ('{{ event.properties.none | default: "there" | upcase }}', "THERE"),
        ("{% for i in event.properties.absent %}x{% endfor %}.", "."),
        ("{% for i in event.properties.items %}{{ i.name }}{% endfor %}", "ab"),
        ("{% if event.properties.absent > 3 %}x{% endif %}.", "."),
        ("{{ event.name }} {{ event.id }} {{ event.occurred_at }}", "Product Added e1 2023-11-14T22:13:20.000Z"),
        ("{{ now | date: '%-d %B %Y, %H:%M' }}", "14 November 2023, 22:14"),
        ("{{ event.properties.html }}", "<b>&"),
    ],
)
def test_renders(source: str, result: str) -> None:
    assert check_part("text", source) == []
    assert rendered(source).text == result


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("{{ event.properties.absent }}", "event.properties.absent"),
        ("{{ event.properties.none }}", "event.properties.none"),
        ("{{ event.properties.absent.deeper }}", "event.properties.absent"),
        ("{{ event.properties.absent | upcase }}", "event.properties.absent"),
        ("{{ event.name | append: customer.surname }}", "customer.surname"),
        ("{% for i in event.properties.items %}{{ i.price }}{% endfor %}", "i.price"),
        ("{{ start.properties.name }}", "start"),
    ],
)
def test_what_is_absent_and_printed_skips_the_email_by_its_name(source: str, path: str) -> None:
    with pytest.raises(MissingValue) as raised:
        rendered(source)
    assert raised.value.path.startswith(path)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.path, str(again)) == (raised.value.path, str(raised.value))


def test_html_is_escaped_and_no_filter_changes_that() -> None:
    assert rendered(html="{{ event.properties.html }}").html == "&lt;b&gt;&amp;"
    assert rendered(html="{% assign x = event.properties.html | append: '<i>' %}{{ x }}").html == "&lt;b&gt;&amp;<i>"
    assert check_part("html", "{{ event.name | safe }}")


def test_a_text_is_made_from_the_html_where_there_is_none() -> None:
    email = render(
        Template(subject="s", html='<h1>Hi</h1><p>Back to <a href="https://shop.example/c">the cart</a></p>'), CONTEXT
    )
    assert email.text == "Hi\n\nBack to [the cart](https://shop.example/c)\n"
    assert rendered("own", html="<p>other</p>").text == "own"


def test_a_text_of_tables_has_a_line_for_each_row_however_wide_a_cell_is() -> None:
    row = "<tr><td>Mug</td><td>5</td></tr>"
    table = f"<table>{row}<tr><td><b>Tea</b> pot</td><td>15</td></tr></table>"
    assert render(Template(subject="s", html=f"Hi{table}Bye"), CONTEXT).text == "Hi\n\nMug 5\nTea pot 15\nBye\n"

    begun = time.monotonic()
    wide = f"<table><tr><td>{'x' * 60_000}</td><td>y</td></tr>{row * 2_000}</table>"
    assert len(render(Template(subject="s", html=wide), CONTEXT).text) < 80_000
    assert time.monotonic() - begun < 5


def test_a_subject_is_one_line_whatever_the_values_hold() -> None:
    assert rendered(subject=" For {{ event.properties.break }} \n").subject == "For one two three"
    assert len(rendered(subject="{{ event.properties.long }}").subject) == 1_000


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..100000000) %}x{% endfor %}",
        "{% for i in (1..5000) %}{% for j in (1..5000) %}x{% endfor %}{% endfor %}",
        "{% for i in (1..9000) %}{{ event.properties.long }}{% endfor %}",
        "{{ (1..1000000000) | join: ',' }}",
        "{% assign x = event.properties.long %}{% for i in (1..60) %}{% assign x = x | append: x %}{% endfor %}",
        "{% assign x = 9 %}{% for i in (1..60) %}{% assign x = x | times: x %}{% endfor %}{{ x }}",
        "{{ event.properties.long | replace: '', event.properties.long }}",
        "{{ now | date: '%999999999d' }}",
        "{{ 'now' | date: '%Y' }}",
        "{{ event.properties.name | date: '%Y' }}",
        "{{ 1 | divided_by: 0 }}",
        "{{ event.properties.items }}",
        "{{ event.properties }}",
        "{% for i in (1..9000) %}{% assign x = event.properties.long | strip_html | upcase | escape %}{% endfor %}",
        "{% for i in (1..9000) %}{% if event.properties.n > 8 %}x{% endif %}{% endfor %}" * 50,
        "{% for i in (1..9000) %}{% if '' contains 'x' " + "or '' contains 'x' " * 5_000 + "%}{% endif %}{% endfor %}",
        "{% assign x = 'a,' %}" + "{% assign x = x | append: x %}" * 12 + "{% assign y = x | split: ',' | uniq %}" * 8,
        "{% tablerow i in (1..9000) %}{% for j in (1..1) %}{{ '' }}{% endfor %}{% endtablerow %}" * 20,
        "{% assign x = event.properties.long | split: ',' %}"
        + "{% assign x = x | concat: x %}" * 13
        + "{{ x | join }}",
        "{{ (1..9999) | join: event.properties.long }}",
        "{% assign x = event.properties.digits %}" + "{% assign x = x | append: x %}" * 6 + "{{ x | times: 1 }}",
    ],
)
def test_what_goes_beyond_a_limit_skips_the_email_soon(source: str) -> None:
    begun = time.monotonic()
    with pytest.raises(NotRendered) as raised:
        rendered(source)
    assert raised.value.remedy
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("\n{{ event.properties.secret | uniq: 'k' }}", "line 2, column 30"),
        ("{{ event.properties.secret | compact: event.properties.secret }}", "cannot use the value"),
        ("{{ event.properties.secret | slice: event.properties.secret }}", "cannot use the value"),
        ("{{ 'x' | truncate: event.properties.secret }}", "cannot use the value"),
        ("{{ now | date: event.properties.directive }}", "date takes"),
        ("{{ event.properties[event.properties.secret] }}", "event.properties[…,"),
        ("{{ event[event.properties.secret].name | upcase }}", "event[…,"),
        ("{% assign a = event.properties.secret %}{{ event.properties[a] }}", "event.properties[…,"),
    ],
)
def test_why_an_email_is_skipped_quotes_the_template_and_never_a_value(source: str, says: str) -> None:
    properties = {"secret": "Ada.Lovelace@example.com", "directive": "%Q Ada"}
    with pytest.raises((MissingValue, NotRendered)) as raised:
        render(Template(subject="s", text=source), {"event": {"name": "A", "properties": properties}})
    told = "".join(traceback.format_exception(raised.value))
    assert says in str(raised.value)
    assert "Ada" not in told
    assert "Lovelace" not in told


@pytest.mark.parametrize(
    "source",
    ["{% include 'x' %}", "{% render 'x' %}", "{{ x }}", "{{ event.name | nope }}", "{% if %}", "{% nope %}", "{{ a"],
)
def test_what_is_not_known_is_refused_when_it_is_put(source: str) -> None:
    (flaw,) = check_part("text", source)
    assert 0 <= flaw.offset < len(source)
    assert flaw.remedy.endswith(".")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="{}%|.:'\" ()[]-=eventcustomerforifendxs1,\n", max_size=80) | st.text(max_size=40))
def test_any_source_is_refused_with_a_place_or_renders_or_is_skipped(source: str) -> None:
    flaws = check_part("html", source)
    assert all(0 <= flaw.offset <= len(source) and flaw.problem and flaw.remedy for flaw in flaws)
    if not flaws:
        with suppress(Invalid):
            rendered(html=source)


def test_the_hash_tells_parts_apart() -> None:
    hashes = {
        template_hash(Template(subject="a", text="b")),
        template_hash(Template(subject="ab", text="")),
        template_hash(Template(subject="a", html="b")),
        template_hash(Template(subject="a", text="b", html="c")),
    }
    assert len(hashes) == 4


@pytest.mark.parametrize(
    "context", [{"now_ms": 1 << 62}, {"now_ms": "soon"}, {"event": {"occurred_at_ms": -(1 << 62)}}, {"event": "none"}]
)
def test_values_that_no_decision_holds_skip_the_email_and_are_not_quoted(context: dict[str, Any]) -> None:
    with pytest.raises(NotRendered) as raised:
        render(Template(subject="Hello", text="Hello"), context)

    assert "soon" not in str(raised.value)
