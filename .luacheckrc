std = "lua51"
read_globals = { "redis", "KEYS", "ARGV" }
max_line_length = 120
-- wrk calls these functions and offers `wrk`, whose headers may be set.
files["bench/wrk.lua"] = { globals = { "init", "request", "done", "wrk" } }
