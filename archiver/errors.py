"""What can go wrong while archiving, beside the stores' own errors.

ArchiverError
├── Superseded        another archiver moved the checkpoint: read it again
├── LostLog           Redis was wiped or is not ours: rebuild its live state
├── LostTail          Redis came back without its newest entries: heal it
├── NotPlainNewRows   a batch cannot be copied as it is: store its rows one by one
├── Busy              somebody else is rebuilding
├── NotSettled        nothing can be verified yet
├── Disturbed         what was read of Redis in several steps does not belong together: read it again
└── EditedMigration   an applied migration has another text now: a person has to put it right
"""


class ArchiverError(Exception):
    """Base of all errors raised by this package itself."""


class Superseded(ArchiverError):
    """Another archiver moved the checkpoint: what was read by the old one must not be written."""


class LostLog(ArchiverError):
    """No epoch, or another one, or no log: Redis was wiped or is not ours. Its live state has to be rebuilt."""


class LostTail(ArchiverError):
    """Redis came back without the entries archived last, and has to be healed.

    `partition` and `generation` name the checkpoint that noticed it.
    """

    def __init__(self, partition: int, generation: int) -> None:
        super().__init__(f"partition {partition} has lost archived entries")
        self.partition = partition
        self.generation = generation


class NotPlainNewRows(ArchiverError):
    """An event of the batch is stored already or cannot be stored; nothing of the batch was."""


class Busy(ArchiverError):
    """Somebody else is rebuilding the live state."""


class NotSettled(ArchiverError):
    """The partition is closed or being healed, so its stores cannot be compared yet."""


class Disturbed(ArchiverError):
    """The partition was healed, rebuilt or restarted while it was read in steps, which now cannot be put together."""


class EditedMigration(ArchiverError):
    """The text of an applied migration is not the text that was applied. `name` is its file."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"archiver/migrations/{name} was edited after this database had applied it;"
            " restore the file and put the change into a new migration"
        )
        self.name = name
