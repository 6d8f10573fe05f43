"""What trigger's front makes of the files that a put carries."""

from __future__ import annotations

from services.trigger.yaml_checker import YamlChecker

FILES = {
    "campaign.yaml": b"campaign: thanks\ntrigger: {match: {event: Order Completed, where: event.properties.totl > 1}}\n"
    b"steps: [{send: hello}]\n",
    "hello.subject.liquid": b"Hello",
    "hello.mjml.liquid": b"<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ event.name }}</mj-text></mj-column>"
    b"</mj-section></mj-body></mjml>",
}


def test_the_catalogue_that_comes_along_is_what_the_campaign_is_held_against() -> None:
    checker = YamlChecker()
    alone = checker.check(FILES)
    closed = checker.check({**FILES, "../events.yaml": b"catalogue: closed\n"})
    assert alone.campaign_id == "thanks"
    assert not closed.campaign_id
    assert [problem.file for problem in closed.problems if not problem.warning] == ["campaign.yaml"]
    assert checker.check({**FILES, "../events.yaml": b"catalogue: open\n"}).version == alone.version


def test_templates_arrive_as_html() -> None:
    (template,) = YamlChecker().check(FILES).templates.values()
    assert template.html.startswith("<!doctype html>")
    assert "{{ event.name }}" in template.html
