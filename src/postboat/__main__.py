"""Lets `python -m postboat` start the program."""

from postboat.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
