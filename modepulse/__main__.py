"""`python -m modepulse` is the command `modepulse`."""

from modepulse.cli import main

if __name__ == "__main__":
    main()
