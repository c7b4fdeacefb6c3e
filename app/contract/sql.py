"""The loader of .sql files: no SQL stands in Python."""

from importlib.resources import files


def load_sql(package: str, name: str) -> str:
    """The statement in `<package>/sql/<name>.sql`."""
    return (files(package) / "sql" / f"{name}.sql").read_text()
