-- What wrk sends: `wrk ... -s wrk.lua URL -- POST /events FILE` posts the lines of FILE in turn, `-- GET FILE` reads
-- them as paths. All requests are built before the start, so that no measured time is spent on that.
local requests, next = {}, 0

function init(args)
  -- Beside those of the command line.
  if args[1] == "POST" then wrk.headers["Content-Type"] = "application/json" end
  local method, path, file = args[1], args[2], args[3]
  if method == "GET" then file = path end
  for line in io.lines(file) do
    if method == "GET" then
      requests[#requests + 1] = wrk.format("GET", line)
    else
      requests[#requests + 1] = wrk.format("POST", path, nil, line)
    end
  end
end

function request()
  next = next % #requests + 1
  return requests[next]
end

-- Prints one JSON line, the only one that bench/load.py reads; times in microseconds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests": %d, "microseconds": %d, "errors": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
