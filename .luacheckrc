std = "lua51"
read_globals = { "redis", "KEYS", "ARGV" }
max_line_length = 120
-- wrk calls these functions and offers `wrk`.
files["bench/wrk.lua"] = { globals = { "init", "request", "done" }, read_globals = { "wrk" } }
