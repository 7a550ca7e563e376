"""`python -m turnout`, the same as the `turnout` program."""

from turnout.cli import main

if __name__ == "__main__":
    main()
