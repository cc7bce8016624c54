-- Pages through the buckets that have a record. Writes nothing.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            cursor      string   "0" to begin, then what the last page returned
--            looked      integer  about how many fields to look at, 1..1000
--            pattern     string   of HSCAN, over the fields
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace
--            now         us, the namespace's time
--            epoch       integer
--            cursor      string   "0" after the last page
--            buckets     each: field, debt (credits), refill (credits per us; 0: calls in flight are counted), credit
--                        (credits per token), paused (us until it earns again, 0), share (of its refill, of 1024); as
--                        the record has them, which may be from before the last change of the policy
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     HGET, TIME, HSCAN

local args = cmsgpack.unpack(ARGV[1])
local cursor, looked, pattern = args[1], args[2], args[3]

local head, problem = read_head(redis.call("HGET", KEYS[1], "head"))
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
local now = tell_time(head)

local page = redis.call("HSCAN", KEYS[1], cursor, "MATCH", pattern, "COUNT", string.format("%d", looked))
local reply = {OK, now, head.epoch, page[1]}
local found = page[2]
for f = 1, #found, 2 do
  local schema, epoch, debt, _, at, refill, credit, _, _, _, leases, pace = cmsgpack.unpack(found[f + 1])
  if schema ~= SCHEMA then return unknown_schema(found[f], schema) end
  if epoch == head.epoch or at > now then
    local r, paused = #reply, max(0, at - now)
    local owed = refill == 0 and #read_leases(leases, now).ids or pay_off(debt, refill, max(0, now - at))
    reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4] = found[f], owed, refill, credit
    reply[r + 5], reply[r + 6] = paused, pace and pace[1] or SHARE_FULL
  end
end
return cmsgpack.pack(reply)
