"""The models: open enumerations, and reprs and copies that behave like values."""

from __future__ import annotations

import copy
import pickle
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import models
from cfclient.models import Record, RecordProps, RecordType
from cfclient.plain import natural
from tests.samples import ANSWER_STRATEGIES

OPEN = [*models.OpenStr.__subclasses__(), *models.OpenInt.__subclasses__()]


@pytest.mark.parametrize("cls", OPEN)
def test_an_unknown_value_is_kept(cls: Any) -> None:
    """As an unnamed member that equals the wire's value, and survives copies."""
    value = "brand new" if cls in models.OpenStr.__subclasses__() else 4711

    member = cls(value)

    assert isinstance(member, cls)
    assert (value, value, "UNKNOWN") == (member, member.value, member.name)
    assert member == pickle.loads(pickle.dumps(member)) == copy.deepcopy(member) == cls(value)
    assert hash(member) == hash(value)
    assert member not in list(cls)


@pytest.mark.parametrize("cls", OPEN)
def test_a_value_of_another_kind_is_refused(cls: Any) -> None:
    """Open to values, not to types."""
    with pytest.raises(ValueError, match="is not a valid"):
        cls(None)


def test_minify_keeps_unknown_bits() -> None:
    """A flag that nobody has heard of does not break the others."""
    value = models.Minify(9)

    assert models.Minify.JAVASCRIPT in value
    assert value.value == 9
    assert models.Minify.ALL == models.Minify.JAVASCRIPT | models.Minify.CSS | models.Minify.HTML


def test_odd_parts_of_a_zone_do_not_stop_it_from_being_hashed() -> None:
    """Whatever is in the lists whose entries nobody knows."""
    props = models.ZoneProps(reseller_plans=({"a": 1},))

    zone = models.Zone(zone_id="1", zone_name="example.com", props=props, ns_vanity_map=({},))

    assert {zone} == {zone}


def test_a_repr_cannot_steer_a_terminal() -> None:
    """An unknown value is shown escaped."""
    assert "\x1b" not in repr(models.RecordType("\x1b[31m"))


@pytest.mark.parametrize("name", ANSWER_STRATEGIES)
def test_answers_are_frozen_hashable_and_picklable(name: str) -> None:
    """Values through and through."""

    @given(ANSWER_STRATEGIES[name])
    def law(answer: Any) -> None:
        assert answer == pickle.loads(pickle.dumps(answer))
        if attrs.has(type(answer)):
            assert hash(answer) == hash(copy.deepcopy(answer))

    law()


@given(st.one_of(*ANSWER_STRATEGIES.values()))
def test_natural_data_are_json(answer: Any) -> None:
    """What reports and programs get holds only JSON's types."""
    stack = [natural(answer)]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            stack += item
        else:
            assert type(item) in {str, int, float, bool, type(None)}


def test_attrs_takes_the_structs_for_its_own() -> None:
    """Records are structs, and whoever treats them as attrs classes, as all others are, need not know."""
    props = RecordProps(ssl=True)
    record = Record(rec_id="1", name="www.example.com", type=RecordType.A, props=props)
    names = list(Record.__struct_fields__)

    assert attrs.has(Record)
    assert [field.name for field in attrs.fields(Record)] == names
    assert attrs.evolve(cast("Any", record), ttl=300).ttl == 300
    assert attrs.asdict(cast("Any", record))["props"]["ssl"] is True
    assert {"rec_tag", "rec_hash", "mx"} == {f.name for f in attrs.fields(Record) if "absent" in f.metadata}
    with pytest.raises(AttributeError):
        record.ttl = 300  # type: ignore[misc]  # frozen, as the type checker says too
