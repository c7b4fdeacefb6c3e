"""What a store's error says to a person."""


def describe(error: BaseException) -> str:
    """In one line."""
    message = str(error).strip().partition("\n")[0]
    return message or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
