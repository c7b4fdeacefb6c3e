-- Deletes {day} and its files, once it is detached.
DROP TABLE {day}
