"""The command line: the command `modepulse`, its subcommands, and the launcher of `modepulse dev`."""
