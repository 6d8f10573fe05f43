"""The campaign language: a folder of text to a Campaign, with the place of everything that is wrong."""

from sendwhen.campaigns.checker import Checked, check, compile_campaign
from sendwhen.campaigns.conditions import compile_condition, compile_expression, fuse
from sendwhen.campaigns.folder import POLICY_NAME, CampaignFiles, campaign_folders, policy_file, policy_for, read_folder
from sendwhen.campaigns.liquid_environment import MissingValue
from sendwhen.campaigns.policy import CheckedPolicy, check_policy, compile_policy
from sendwhen.campaigns.problem import Problem
from sendwhen.campaigns.report import Found, Report, found_in, report_on
from sendwhen.campaigns.templates import NotRendered, Rendered, Template, render, template_hash

__all__ = [
    "POLICY_NAME",
    "CampaignFiles",
    "Checked",
    "CheckedPolicy",
    "Found",
    "MissingValue",
    "NotRendered",
    "Problem",
    "Rendered",
    "Report",
    "Template",
    "campaign_folders",
    "check",
    "check_policy",
    "compile_campaign",
    "compile_condition",
    "compile_expression",
    "compile_policy",
    "found_in",
    "fuse",
    "policy_file",
    "policy_for",
    "read_folder",
    "render",
    "report_on",
    "template_hash",
]
