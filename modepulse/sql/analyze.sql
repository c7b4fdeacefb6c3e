-- Statistics for the planner, of the minutes and of the days named by the caller (partitions of area_mode_events).
ANALYZE {days}, area_mode_minutes
