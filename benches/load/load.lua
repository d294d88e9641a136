-- Sends prepared requests in turn: wrk -s load.lua URL -- FILE DEPTH
-- FILE has the requests, each ended by a NUL byte. DEPTH of them are written at once (pipelining).
-- They are put together here, before the load starts, so that Lua has next to nothing to do in it.

local batches = {}
local at = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  local requests = {}
  for one in text:gmatch("([^%z]+)%z") do
    requests[#requests + 1] = one
  end
  local depth = tonumber(args[2])
  for first = 1, #requests do
    local batch = {}
    for n = 0, depth - 1 do
      batch[#batch + 1] = requests[((first - 1) * depth + n) % #requests + 1]
    end
    batches[first] = table.concat(batch)
  end
end

function request()
  at = at % #batches + 1
  return batches[at]
end

function done(summary)
  local errors = summary.errors
  io.write(string.format(
    "RESULT requests=%d bytes=%d microseconds=%d connect=%d read=%d write=%d status=%d timeout=%d\n",
    summary.requests, summary.bytes, summary.duration,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
