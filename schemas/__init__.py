"""The wire: what OCPI objects look like, told once.

A sub-package a version holds pydantic models of every object and enumeration (`schemas.v2_2_1`, one file a
module of the specification). Reading and writing:

    location = Location.read(body)                  # bytes: NotJson, or ValidationError
    location = Location.model_validate(value)       # JSON that is decoded already
    Location.check_patch(value)                     # the body of a PATCH
    findings(error)                                 # what a ValidationError found: pointer, message, got
    location.to_json()                              # bytes; to_wire() for a dict

Models are immutable values. Unknown fields survive; numbers are `Decimal` and keep their digits; a DateTime
is an aware datetime in UTC; a list that may be absent is empty then; text keeps its spelling, and
`schemas.field_table` tells which fields are equal whatever the case.

Strict reading is the letter of the specification. `Location.read(body, tolerant=True)`, or the validation
context `schemas.tolerance.TOLERANT`, puts up with what partners really send: unknown values of enumerations
(kept as text), text that is too long, moments with an offset.

From the models, `python -m schemas.generate` makes the JSON Schemas in `schemas/json`; decision record 12
says why in this direction.
"""
