"""Checks campaigns with the language of ``sendwhen.campaigns``: YAML, CEL and Liquid."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import DecodeError

from sendwhen.campaigns import check, compile_campaign
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.trigger_kinds import kind_of
from sendwhen.errors import Invalid
from sendwhen.v1 import log_pb2
from sendwhen.wire.entry import campaign_source
from services.trigger.front_ports import CheckedCampaign, Problem, TemplateText


class YamlChecker:
    """See the port CampaignChecker."""

    def check(self, files: Mapping[str, bytes]) -> CheckedCampaign:
        """What these files are."""
        checked = check(files)
        problems = tuple(
            Problem(
                file=one.file,
                line=one.line,
                column=one.column,
                problem=one.problem,
                remedy=one.remedy,
                warning=one.warning,
            )
            for one in checked.problems
        )
        campaign = checked.campaign
        if campaign is None:
            return CheckedCampaign(problems=problems)
        return CheckedCampaign(
            problems=problems,
            campaign_id=campaign.campaign_id,
            version=checked.version,
            trigger=kind_of(campaign.trigger),
            source=campaign_source(
                version=checked.version,
                source_yaml=checked.source_yaml,
                template_hashes=checked.template_hashes,
                segments_yaml=checked.segments_yaml,
            ),
            templates={
                key: TemplateText(subject=template.subject, text=template.text, html=template.html)
                for key, template in checked.templates.items()
            },
        )

    def campaign(self, source: bytes) -> Campaign:
        """The campaign that a source stands for.

        Raises:
            Invalid: It is none that ``check`` passed.
        """
        try:
            version = log_pb2.CampaignVersion.FromString(source)
        except DecodeError:
            raise Invalid("The stored campaign cannot be read.", remedy="Put it again.") from None
        return compile_campaign(
            version.source_yaml,
            dict(version.template_hashes),
            version=version.version,
            segments_yaml=version.segments_yaml,
        )
