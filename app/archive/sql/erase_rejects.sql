-- Overwrites rejected lines that name user $1: what is left is the fact that there was one.
UPDATE archive_rejects
SET raw = convert_to('erased ' || gen_random_uuid(), 'UTF8')
WHERE position(convert_to('|' || $1 || '|', 'UTF8') IN raw) > 0
    OR position(convert_to('''' || $1 || '''', 'UTF8') IN raw) > 0
