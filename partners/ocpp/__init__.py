"""The wire of OCPP-J, the same for every version: frames, error codes, schemas, one link. It knows no CPO."""
