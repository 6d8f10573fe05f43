"""Checks campaigns with the language of ``sendwhen.campaigns``: YAML, CEL and Liquid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf.message import DecodeError

from sendwhen.campaigns import POLICY_NAME, check, check_policy, compile_campaign
from sendwhen.campaigns.difference import differences, template_differences
from sendwhen.campaigns.problem import Problem as Flaw
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.sending_rules import SENDING_ID
from sendwhen.domain.trigger_kinds import kind_of
from sendwhen.errors import Invalid
from sendwhen.v1 import log_pb2
from sendwhen.wire.entry import campaign_source, policy_source
from services.trigger.front_ports import CheckedCampaign, Problem, TemplateText

SENDING_POLICY = "sending_policy"
"""In the place of a trigger's kind."""
_NO_SEGMENTS = b"segments: {}"


class YamlChecker:
    """See the port CampaignChecker."""

    def check(self, files: Mapping[str, bytes]) -> CheckedCampaign:
        """What these files are: a campaign's folder, or sending.yaml alone."""
        if files.keys() == {POLICY_NAME}:
            return self._policy(files[POLICY_NAME])
        checked = check(files)
        problems = _problems(checked.problems)
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

    @staticmethod
    def _policy(source: bytes) -> CheckedCampaign:
        checked = check_policy(source)
        problems = _problems(checked.problems)
        if checked.policy is None:
            return CheckedCampaign(problems=problems)
        return CheckedCampaign(
            problems=problems,
            campaign_id=SENDING_ID,
            version=checked.version,
            trigger=SENDING_POLICY,
            source=policy_source(version=checked.version, source_yaml=source),
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

    def changes(self, before: bytes, after: bytes) -> Sequence[str]:
        """What differs between two sources."""
        old, new = log_pb2.CampaignVersion.FromString(before), log_pb2.CampaignVersion.FromString(after)
        return [
            *differences(old.source_yaml, new.source_yaml),
            *differences(old.segments_yaml or _NO_SEGMENTS, new.segments_yaml or _NO_SEGMENTS),
            *template_differences(dict(old.template_hashes), dict(new.template_hashes)),
        ]


def _problems(found: Sequence[Flaw]) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            file=one.file,
            line=one.line,
            column=one.column,
            problem=one.problem,
            remedy=one.remedy,
            warning=one.warning,
        )
        for one in found
    )
