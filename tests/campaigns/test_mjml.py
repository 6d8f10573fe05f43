"""MJML becomes HTML when the campaign is checked, and the Liquid in it comes through."""

from __future__ import annotations

import re

import pytest

from sendwhen.campaigns import check, render, template_hash
from sendwhen.campaigns.mjml import compile_mjml
from sendwhen.campaigns.templates import Template

MAIL = """\
<mjml>
  <mj-head>
    <mj-title>{{ event.properties.name }}</mj-title>
    <mj-preview>Hi {{ customer.first_name | default: "you" }}</mj-preview>
    <mj-attributes><mj-all font-family="Arial" /><mj-class name="big" font-size="20px" /></mj-attributes>
    <mj-style>.sale { color: {% if customer.vip %}gold{% else %}red{% endif %} }</mj-style>
  </mj-head>
  <mj-body>
    {% comment %} <mj-anything> {% endcomment %}
    {%- if event.properties.price > 10 -%}
    <mj-section>
      {% for p in event.properties.products %}
      <mj-column>
        {% if p.image_url %}<mj-image src="{{ p.image_url }}" alt="{{ p.name }}" width="100px" />{% endif %}
        <mj-text mj-class="big">{{ p.name }} &nbsp;{% if p.price > 3 and p.price < 9 %}<br>on sale{% endif %}</mj-text>
        <mj-button href="https://shop.example/{{ p.sku }}?a=1&amp;b={{ p.name | default: "x" }}">Go</mj-button>
      </mj-column>
      {% endfor %}
    </mj-section>
    {% endif %}
    <mj-wrapper>{% if customer.vip %}<mj-section><mj-column><mj-table>
      {% for p in event.properties.products %}<tr><td>{{ p.sku }}</td></tr>{% endfor %}
    </mj-table></mj-column></mj-section>{% endif %}</mj-wrapper>
  </mj-body>
</mjml>
"""
PIECE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def rendered(*, vip: bool, price: int, products: int) -> str:
    html, flaws = compile_mjml(MAIL)
    assert flaws == []
    found = [
        {"name": f"<Mug {n}>", "sku": f"m {n}", "price": 5, "image_url": "https://shop.example/m.png"}
        for n in range(products)
    ]
    event = {
        "name": "e",
        "id": "1",
        "occurred_at_ms": 0,
        "properties": {"name": "Mugs", "price": price, "products": found},
    }
    email = render(Template(subject="s", html=html), {"event": event, "customer": {"vip": vip}, "now_ms": 0})
    assert bool(email.text.strip()) == bool(products and (vip or price > 10))
    return email.html


def test_every_piece_of_liquid_comes_through_and_nothing_else_looks_like_one() -> None:
    html, _ = compile_mjml(MAIL)
    assert set(PIECE.findall(html)) == set(PIECE.findall(MAIL))
    assert not re.search(r"lq\d+x", html)
    assert "mj-raw" not in html


@pytest.mark.parametrize("vip", [True, False])
@pytest.mark.parametrize("price", [5, 20])
@pytest.mark.parametrize("products", [0, 1, 3])
def test_whatever_liquid_leaves_out_the_html_is_whole(vip: bool, price: int, products: int) -> None:
    html = rendered(vip=vip, price=price, products=products)
    for opening, closing in (("<div", "</div"), ("<table", "</table"), ("<td", "</td"), ("[if ", "[endif]")):
        assert html.count(opening) - html.count(closing) in ((0, 1) if opening == "<td" else (0,)), opening
    assert html.count("on sale") == (products if price > 10 else 0)
    assert html.count("<td>m ") == (products if vip else 0)
    assert "<Mug" not in html


def test_nothing_is_fetched_from_elsewhere_unless_the_mail_says_so() -> None:
    html, _ = compile_mjml(MAIL)
    hosts = set(re.findall(r"https?://([a-z0-9.-]+)", html))
    assert hosts == {"www.w3.org", "shop.example"}


def test_the_html_is_what_a_template_is_named_by() -> None:
    files = {
        "campaign.yaml": b"campaign: x\ntrigger: {match: {event: Order Completed}}\nsteps: [{send: hello}]\n",
        "hello.subject.liquid": b"Hello",
        "hello.mjml": b"<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ event.name }}</mj-text></mj-column>"
        b"</mj-section></mj-body></mjml>",
    }
    checked = check(files)
    assert checked.problems == ()
    ((name, template),) = checked.templates.items()
    assert template.html.startswith("<!doctype html>")
    assert name == template_hash(template) == checked.template_hashes["hello"]
    event = {"name": "Order Completed", "id": "1", "occurred_at_ms": 0, "properties": {}}
    assert render(template, {"event": event, "customer": {}, "now_ms": 0}).text == "Hi Order Completed\n"
    assert check({**files, "hello.mjml": files["hello.mjml"].replace(b"Hi", b"Ho")}).version != checked.version


def test_compiling_gives_the_same_each_time() -> None:
    assert len({compile_mjml(MAIL)[0] for _ in range(5)}) == 1


def test_words_that_look_like_ours_stay_text() -> None:
    body = "<mj-section><mj-column><mj-text>lq0x {{ now }} lq7x</mj-text></mj-column></mj-section>"
    html, flaws = compile_mjml(f"<mjml><mj-body>{body}</mj-body></mjml>")
    assert flaws == []
    assert "lq0x {{ now }} lq7x" in html


@pytest.mark.parametrize("content", ["{0}{1}", "<style>{0}x{1}</style>", "<!--[if mso]>{0}{1}<![endif]-->", "{0}"])
def test_elements_however_deep_within_one_another_do_not_end_the_process(content: str) -> None:
    text = content.format("<div>" * 11_000, "</div>" * 11_000)
    page = f"<mjml><mj-body><mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section></mj-body></mjml>"

    html, flaws = compile_mjml(page)

    assert html.count("<div>") == 11_000 or [flaw for flaw in flaws if not flaw.warning]
