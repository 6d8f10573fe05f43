"""The neutral cases that sendwhen promises, wherever their file is at hand; and a few of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.semantics.cases import families
from tests.semantics.judging import judge, judge_all

SHARED = Path(__file__).parents[3] / "shared" / "semantics" / "cases.yaml"
OWN = sorted(Path(__file__).parent.glob("*cases.yaml"))
_PROMISED = """
A01 A02 A04 B01 B02 B04 B05 B07 B08 B09 B10 C01 C02 C04 C05 C07 C08 C10 C11 C13 C14 C16 C17 D01 D02 D04 D05 D07 D08
E01 E02 E04 E05 F01 F02 F04 F05 F07 F08 F10 G01 G02 G04 H01 H02 H04 H05 I01 I02 I04 I05 J01 J02 J04 J05
K01 K02 K04 K05 K07 K08 L01 L02 L04 L05 M01 M02 M04
"""
PROMISED = set(_PROMISED.split())


@pytest.mark.parametrize(
    "family", [family for path in OWN for family in families(path)], ids=lambda family: family.case_id
)
def test_a_case_of_our_own_fires_as_it_says(family) -> None:
    verdict = judge(family)

    assert (verdict.unsupported, verdict.skipped_variants) == ("", [])
    assert verdict.differences == []


@pytest.mark.external_data
def test_every_promised_neutral_case_passes() -> None:
    if not SHARED.is_file():
        pytest.skip("the neutral cases are not at hand")

    verdicts = {verdict.case_id: verdict for verdict in judge_all(SHARED)}

    assert {case_id for case_id, verdict in verdicts.items() if verdict.differences} == set()
    assert {case_id for case_id, verdict in verdicts.items() if not verdict.unsupported} >= PROMISED
    assert [skipped for verdict in verdicts.values() for skipped in verdict.skipped_variants] == []
