"""`python -m partners`: the same as `ocpi-node`."""

from partners.cli import main

if __name__ == "__main__":
    main()
