"""Tests beside a campaign: what happens goes in; emails, and reasons for none, come out, in virtual time."""

from sendwhen.cases.case import Case, Customer, Expected, Occurrence
from sendwhen.cases.case_reader import Cases, read_cases
from sendwhen.cases.folder import FolderResult, case_problems, play_folder
from sendwhen.cases.junit import junit_xml
from sendwhen.cases.player import Outcome, Player
from sendwhen.cases.verdict import Verdict, judge

__all__ = [
    "Case",
    "Cases",
    "Customer",
    "Expected",
    "FolderResult",
    "Occurrence",
    "Outcome",
    "Player",
    "Verdict",
    "case_problems",
    "judge",
    "junit_xml",
    "play_folder",
    "read_cases",
]
