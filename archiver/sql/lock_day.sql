-- Keeps {day} as it is until the transaction ends; it can still be read.
LOCK TABLE {day} IN SHARE MODE
