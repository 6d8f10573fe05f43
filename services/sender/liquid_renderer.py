"""Renders with sendwhen's Liquid."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.campaigns.liquid_environment import MissingValue
from sendwhen.campaigns.templates import NotRendered, Template, check_part, render, template_hash
from sendwhen.errors import Invalid, Violation
from services.sender.ports import CannotRender, Rendered, TemplateText


class LiquidRenderer:
    """A Renderer; parsed templates are remembered where they are parsed."""

    def check(self, template_id: str, template: TemplateText) -> None:
        """See Renderer."""
        liquid = _template(template)
        flaws = [flaw for part, source in liquid.parts() for flaw in check_part(part, source)]
        wrong = [Violation(field="templates", description=f"{flaw.problem}. {flaw.remedy}") for flaw in flaws]
        if not template.subject or not (template.text or template.html):
            wrong.append(
                Violation(field="templates", description="A template has a subject, and a text or an HTML part.")
            )
        if template_hash(liquid) != template_id:
            wrong.append(Violation(field="templates", description="The hash is not that of the content."))
        if wrong:
            raise Invalid.of(wrong)

    def render(self, template_id: str, template: TemplateText, context: Mapping[str, object]) -> Rendered:
        """See Renderer."""
        del template_id
        try:
            rendered = render(_template(template), context)
        except MissingValue as error:
            raise CannotRender(f"missing value: {error.path} is absent.", remedy=error.remedy) from error
        except NotRendered as error:
            raise CannotRender(error.problem, remedy=error.remedy) from error
        return Rendered(subject=rendered.subject, text=rendered.text, html=rendered.html)


def _template(template: TemplateText) -> Template:
    return Template(subject=template.subject, text=template.text, html=template.html)
