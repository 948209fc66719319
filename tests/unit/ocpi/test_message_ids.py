"""The ids that the hub makes for its messages (TR-19)."""

import uuid

from hub.ocpi.message_ids import new_id


def test_an_id_is_a_random_uuid_and_no_two_are_alike() -> None:
    made = [new_id() for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert all(uuid.UUID(each).version == 4 and str(uuid.UUID(each)) == each for each in made)
    assert {uuid.UUID(each).variant for each in made} == {uuid.RFC_4122}
    assert {each[19] for each in made} == set("89ab")
