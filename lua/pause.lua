-- Pauses what a limit counts for a key, for the whole fleet, or ends its pause, because an operator says so. Its pace
-- stays as it is.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  stream, the namespace's audit trail
-- KEYS[3]  stream, what the audit trail tells of calls
-- KEYS[4]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            fence       string   policy that the buckets were compiled from
--            server      string   run id of the server process on the connection
--            pause       us       for which nothing is to pass from now on, 1 to 31 days; 0 ends a pause
--            author      string   who says so
--            reason      string   what for
--            replica     string   who was told
--            limits, terms, buckets  as in acquire.lua: all that the limit may count for the key. First that it counts
--                                    now, of which
--                        the first stands for all in what is told and counted; then, at any terms, that it may come to
--                        count
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one
--            kept        0|1      0: nothing was done, as the limit has as many buckets as it may, and these are none
--                                 of them
--            paused      us until the last of them earns again, 0 if none is paused
--            changed     0|1      0: one was paused for as long already, or none was paused
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   if it changes anything: head, the buckets (swept when nothing is owed and they are paused no more), their
--          counters, the tally of the first (swept after a minute); tells hold, resume
-- COST     TIME, HMGET; HGET if a bucket has other terms than its record; HGET for each bucket that had no record; if
--          it changes anything 3 EXISTS, 3 XINFO, HGET, XADD, HSET

local args = cmsgpack.unpack(ARGV[1])
local fence, server, pause, author, reason, replica = args[1], args[2], args[3], args[4], args[5], args[6]
local fields = {"head"}
local buckets = bind_buckets(args, 7, fields)
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local head, now = open_namespace(buckets, stored, fence, server)
if not head then return now end

-- A call passes all buckets of a limit or none, and a change of the policy may take some away and bring others: so all
-- are paused, and all pauses end.
local before, after, writes, changed = 0, 0, {}, {}
for b = 1, #buckets do
  local bucket = buckets[b]
  local paused = bucket.paused
  if pause > 0 then
    bucket.paused = max(paused or 0, now + pause)
    if not bucket.leases then bucket.debt, bucket.lost = max(bucket.debt, bucket.terms.capacity), 0 end
  else
    bucket.paused = nil
  end
  before, after = max(before, paused or 0), max(after, bucket.paused or 0)
  if bucket.paused ~= paused then changed[#changed + 1] = bucket end
end
if after == before then return pack({OK, 1, max(0, after - now), 0}) end

for c = 1, #changed do
  if changed[c].new then
    local limit, w = changed[c].terms.limit, #writes
    local count = tonumber(redis.call("HGET", KEYS[1], limit.counter) or 0)
    if count >= limit.most then return pack({OK, 0, 0, 0}) end
    writes[w + 1], writes[w + 2] = limit.counter, string.format("%d", count + 1)
  end
end
local trail, problem = open_trail(KEYS[2], KEYS[3], KEYS[4])
if problem then return problem end
local first = buckets[1].field
local tally_at, tally = tally_field(head, first), nil
tally, problem = read_tally(redis.call("HGET", KEYS[1], tally_at), tally_at)
if problem then return problem end
tally[T_PAUSED] = tally[T_PAUSED] + max(now, after) - max(now, before)
if pause > 0 then
  tell(trail, now, "hold", pack(SCHEMA, now, first, after, author, reason, replica))
else
  tell(trail, now, "resume", pack(SCHEMA, now, first, before, author, reason, replica))
  -- Another one each time, also while time stands still: those who wait hear of it by that.
  head.eased = max(now, (head.eased or 0) + 1)
end
local w = #writes
for c = 1, #changed do
  -- The provider's window was to begin at the end of the pause. What was granted before a pause by hand stays known:
  -- that one says nothing of the provider.
  local pace = changed[c].pace
  if pause == 0 and pace and pace.ends - pace.window > now then begin_window(pace, now) end
  w = put_bucket(writes, w, head, now, changed[c])
end
redis.call("HSET", KEYS[1], "head", pack_head(head, now), tally_at, pack_tally(tally), unpack(writes))
return pack({OK, 1, max(0, after - now), 1})
