"""The command line: `modepulse` and its subcommands."""
