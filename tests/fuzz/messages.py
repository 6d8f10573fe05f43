"""Random messages of any type, from a descriptor: valid, odd and extreme values mixed."""

from __future__ import annotations

import random
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

DEPTH_MAX: Final = 4
_INTS: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_TEXTS: Final = (
    "", "a", "reminder", "campaign.yaml", "hello.text.liquid", "\x00", "  ", "x" * 300, "ünï🎉", "ada@example.com",
    "../../etc", "{{ event.properties.a }}", "1970-01-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)  # fmt: skip
_BYTES: Final = (
    b"", b"{}", b'{"a": 1}', b"[]", b'{"a": NaN}', b"[" * 5_000, b'{"a":' * 40, b"\xff\xfe", b'{"a": 1e999}',
    b'{"\\ud800": 1}',
    b"campaign: reminder\ntrigger:\n  match: {event: A}\nsteps: [{send: hello}]\n", b"&a [*a, *a]", b"{% for a in b %}",
    b"9" * 5_000, b"x" * 40_000,
)  # fmt: skip


def random_message(descriptor: Descriptor, chance: random.Random, depth: int = 0) -> Message:
    """One message; each field is set, or not, by chance."""
    message = GetMessageClass(descriptor)()
    left_out = chance.choice((0.0, 0.2, 0.6))
    for field in descriptor.fields:
        if chance.random() < left_out:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(getattr(message, field.name), field.message_type, chance)
        elif field.is_repeated:
            values = [_value(field, chance, depth) for _ in range(chance.choice((0, 1, 1, 2, 5)))]
            getattr(message, field.name).extend(value for value in values if value is not None)
        else:
            value = _value(field, chance, depth)
            if isinstance(value, Message):
                getattr(message, field.name).CopyFrom(value)
            elif value is not None:
                setattr(message, field.name, value)
    return message


def spoilt_message(valid: Message, chance: random.Random) -> Message:
    """A valid message in which one to three fields, at any depth, are anything."""
    message = type(valid)()
    message.CopyFrom(valid)
    for _ in range(chance.randint(1, 3)):
        _spoil(message, chance)
    return message


def _spoil(message: Message, chance: random.Random) -> None:
    inner = [part for field, value in message.ListFields() for part in _messages_in(field, value)]
    if inner and chance.random() < 0.8:
        _spoil(chance.choice(inner), chance)
    elif message.DESCRIPTOR.fields:
        field = chance.choice(message.DESCRIPTOR.fields)
        donor = random_message(message.DESCRIPTOR, chance, DEPTH_MAX - 1)
        message.ClearField(field.name)
        anew = type(message)()
        anew.CopyFrom(donor)
        for other in anew.DESCRIPTOR.fields:
            if other.name != field.name:
                anew.ClearField(other.name)
        message.MergeFrom(anew)


def _messages_in(field: FieldDescriptor, value: Any) -> list[Message]:
    if field.message_type is None:
        return []
    if field.message_type.GetOptions().map_entry:
        return [part for part in value.values() if isinstance(part, Message)]
    return list(value) if field.is_repeated else [value]


def _fill_map(target: Any, entry: Descriptor, chance: random.Random) -> None:
    key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
    for _ in range(chance.choice((0, 1, 3))):
        made = _value(value, chance, DEPTH_MAX - 1)
        if isinstance(made, Message):
            target[_value(key, chance, 0)].CopyFrom(made)
        else:
            target[_value(key, chance, 0)] = made


def _value(field: FieldDescriptor, chance: random.Random, depth: int) -> Any:
    kind = field.cpp_type
    if kind in _INTS:
        low, high = _INTS[kind]
        return min(
            high, max(low, chance.choice((0, 0, 0, 1, -1, low, high, 1_700_000_000_000, chance.randint(low, high))))
        )
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return chance.choice((0, 1, 2, 99))
    if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return chance.choice((0.0, -1.5, float("inf"), float("nan")))
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            rare = chance.choice(_BYTES) if chance.random() < 0.7 else chance.randbytes(chance.randint(0, 200))
            return b'{"a": 1}' if chance.random() < 0.4 else rare
        rare_text = chance.choice(_TEXTS) if chance.random() < 0.7 else _random_text(chance)
        return "ada@example.com" if chance.random() < 0.4 else rare_text
    return random_message(field.message_type, chance, depth + 1) if depth < DEPTH_MAX else None


def _random_text(chance: random.Random) -> str:
    points = (
        chance.choice((chance.randint(0, 0x7F), chance.randint(0xA0, 0xD7FF))) for _ in range(chance.randint(0, 40))
    )
    return "".join(map(chr, points))


def random_bytes(descriptor: Descriptor, chance: random.Random) -> bytes:
    """Random bytes, or a random message's with some of them broken."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randint(0, 300))
    broken = bytearray(random_message(descriptor, chance).SerializeToString())
    for _ in range(chance.randint(1, 4)):
        if broken:
            broken[chance.randrange(len(broken))] = chance.randrange(256)
    return bytes(broken[: chance.randint(0, len(broken))] if chance.random() < 0.3 else broken)
