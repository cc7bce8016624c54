-- Pages through the audit trail, from the oldest entry on or from the newest. Writes nothing.
--
-- KEYS[1]  stream, the namespace's audit trail
-- ARGV[1]  msgpack array, flat:
--            first       string   id from which on, "-" for the oldest
--            last        string   id up to which, "+" for the newest
--            count       integer  most entries, 1..1000
--            newest      0|1      1: from the newest to the oldest
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            last        string   id given out last, "0-0" if none was
--            entries     each: id, kind, record
-- ERRORS   AUDIT   the key holds no audit trail
-- WRITES   nothing
-- COST     EXISTS; XINFO if there is a trail; XRANGE or XREVRANGE

local args = cmsgpack.unpack(ARGV[1])
local first, last, count, newest = args[1], args[2], string.format("%d", args[3]), args[4] == 1

local trail, problem = open_trail(KEYS[1])
if problem then return problem end
local entries
if newest then
  entries = redis.call("XREVRANGE", KEYS[1], last, first, "COUNT", count)
else
  entries = redis.call("XRANGE", KEYS[1], first, last, "COUNT", count)
end
local reply = {OK, string.format("%d-%d", trail.ms, trail.sequence)}
for e = 1, #entries do
  local r, id, fields = #reply, entries[e][1], entries[e][2]
  reply[r + 1], reply[r + 2], reply[r + 3] = id, fields[1], fields[2]
end
return pack(reply)
