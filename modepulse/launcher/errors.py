"""Why the stack does not start, or cannot go on."""


class LaunchError(Exception):
    """One line for the person who ran the command. `exit_code` is 2 if the settings have to change, else 1."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
