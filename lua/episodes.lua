-- Pages through the throttling episodes that go on. Writes nothing.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            cursor      string   "0" to begin, then what the last page returned
--            looked      integer  about how many fields to look at, 1..1000
--            pattern     string   of HSCAN, over the fields
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace
--            now         us, the namespace's time
--            cursor      string   "0" after the last page
--            episodes    each: field of the bucket; us when it began, when a report came last; calls refused, calls
--                        that had waited, for how long together, and the longest (us), since the sweep has last told of
--                        it
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     HGET, TIME, HSCAN

local args = cmsgpack.unpack(ARGV[1])
local cursor, looked, pattern = args[1], args[2], args[3]

local head, problem = read_head(redis.call("HGET", KEYS[1], "head"))
if problem then return problem end
if not head then return pack({LOST}) end
local now = tell_time(head)

local page = redis.call("HSCAN", KEYS[1], cursor, "MATCH", pattern, "COUNT", string.format("%d", looked))
local reply, found = {OK, now, page[1]}, page[2]
for f = 1, #found, 2 do
  local episode, unread = read_episode(found[f + 1], found[f], now)
  if not episode then return unread end
  if now - episode.last < QUIET_US then
    local r = #reply
    reply[r + 1], reply[r + 2], reply[r + 3] = "b:" .. string.sub(found[f], 3), episode.began, episode.last
    reply[r + 4], reply[r + 5], reply[r + 6], reply[r + 7] = episode.refused, episode.waits, episode.waited, episode.longest
  end
end
return pack(reply)
