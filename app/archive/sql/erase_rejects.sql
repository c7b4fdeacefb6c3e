-- What could not be stored and names user $1 is kept as the fact that it was there.
UPDATE archive_rejects
SET raw = convert_to('erased ' || gen_random_uuid(), 'UTF8')
WHERE position(convert_to('|' || $1 || '|', 'UTF8') IN raw) > 0
    OR position(convert_to('''' || $1 || '''', 'UTF8') IN raw) > 0
