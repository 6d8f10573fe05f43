from __future__ import annotations

import pytest

from sendwhen.errors import Invalid
from sendwhen.v1.profile_service_pb2 import CustomerId
from sendwhen.wire.customer_name import kind_of, reading, readings

BY_KIND = {
    "user:ada": CustomerId(user_id="ada"),
    "anon:a1": CustomerId(anonymous_id="a1"),
    "email:ada@example.com": CustomerId(email="ada@example.com"),
    "uid:0123": CustomerId(uid="0123"),
    "user:auth0:7": CustomerId(user_id="auth0:7"),
    "user:ada@example.com": CustomerId(user_id="ada@example.com"),
}


@pytest.mark.parametrize(("name", "meant"), BY_KIND.items())
def test_a_kind_in_front_leaves_one_meaning(name: str, meant: CustomerId) -> None:
    assert readings(name) == (meant,)
    assert reading(name) == meant
    assert name.startswith(kind_of(meant) + ":")


def test_an_id_alone_may_be_of_several_kinds_and_where_no_mistake_is_allowed_of_one() -> None:
    assert [kind_of(one) for one in readings("ada")] == ["user", "anon"]
    assert [kind_of(one) for one in readings("ada@example.com")] == ["user", "email", "anon"]
    assert (reading("ada"), kind_of(reading("ada@example.com"))) == (CustomerId(user_id="ada"), "email")
    assert readings("1234:5")[0] == CustomerId(user_id="1234:5")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("User:ada", "Write “user:”."),
        ("anonymous_id:a1", "Write “anon:”."),
        ("mailto:ada@example.com", "Write “email:”."),
        ("auth0-users:7", "An id that has a colon itself is written behind user: or anon:."),
        ("user:", "An id must follow “user:”."),
        ("", "Write user:ID, anon:ID, email:ADDRESS or uid:UID, or an id alone."),
    ],
)
def test_what_is_no_name_is_refused_with_what_to_write(name: str, says: str) -> None:
    for read in (readings, reading):
        with pytest.raises(Invalid, match="id: ") as refused:
            read(name)
        assert says in str(refused.value)
