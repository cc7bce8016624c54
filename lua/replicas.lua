-- Tells which replicas share the namespace: those that have said within 5 minutes that they live. Writes nothing.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            fields      string   each in which replicas may stand
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace
--            now         us, the namespace's time
--            fence       string   of the policy in force
--            since       us, when the epoch began, 0 where buckets began full
--            full        1 where there may be more than are noted, else 0
--            replicas    each: id, since (us, from when on it has been there), seen (us, when it has last said so),
--                        host, process, version, fence, waiting, as in announce.lua
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     HMGET, TIME

local fields = cmsgpack.unpack(ARGV[1])
local stored = redis.call("HMGET", KEYS[1], "head", unpack(fields))
local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
local now = tell_time(head)

local reply = {OK, now, head.fence, head.since, 0}
for f = 1, #fields do
  local living, unread = read_replicas(stored[f + 1], fields[f], now)
  if not living then return unread end
  if #living >= ROWS_MOST * ROW then reply[5] = 1 end
  for v = 1, #living do reply[#reply + 1] = living[v] end
end
return cmsgpack.pack(reply)
