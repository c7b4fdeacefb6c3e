-- Statistics for the planner; {days} are the names of partitions of area_mode_events.
ANALYZE {days}, area_mode_minutes
