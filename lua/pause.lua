-- Pauses a bucket for the whole fleet, or ends its pause, because an operator says so. Its pace stays as it is.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  stream, the namespace's audit trail
-- ARGV[1]  msgpack array, flat:
--            fence       string   policy that the bucket was compiled from
--            server      string   run id of the server process on the connection
--            pause       us       for which nothing is to pass from now on, 1 to 31 days; 0 ends a pause
--            author      string   who says so
--            reason      string   what for
--            replica     string   who was told
--            limits, terms, buckets  as in acquire.lua: the bucket alone
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one
--            kept        0|1      0: nothing was done, as its limit has as many buckets as it may, and this is none of them
--            paused      us until it earns again, 0 if it is not paused
--            changed     0|1      0: it was paused for as long already, or was not paused
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   if it changes anything: head, the bucket (swept when nothing is owed and it is paused no more), its counter, its tally
--          (swept after a minute); tells hold, resume
-- COST     TIME, HMGET; HGET if the bucket had no record; if it changes anything EXISTS, XINFO, HGET, XADD, HSET

local args = cmsgpack.unpack(ARGV[1])
local fence, server, pause, author, reason, replica = args[1], args[2], args[3], args[4], args[5], args[6]
local fields = {"head"}
local buckets = bind_buckets(args, 7, fields)
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local head, now = open_namespace(buckets, stored, fence, server)
if not head then return now end

local bucket = buckets[1]
local before, paused_before = bucket.paused, paused_for(buckets[1], now)
if pause > 0 then
  bucket.paused = max(before or 0, now + pause)
  if not bucket.leases then bucket.debt, bucket.lost = max(bucket.debt, bucket.terms.capacity), 0 end
else
  bucket.paused = nil
end
if bucket.paused == before then return pack({OK, 1, paused_for(bucket, now), 0}) end

local writes = {}
if bucket.new then
  local limit = bucket.terms.limit
  local count = tonumber(redis.call("HGET", KEYS[1], limit.counter) or 0)
  if count >= limit.most then return pack({OK, 0, 0, 0}) end
  writes = {limit.counter, string.format("%d", count + 1)}
end
local trail, problem = open_trail(KEYS[2])
if problem then return problem end
local tally_at, tally = tally_field(head, bucket.field), nil
tally, problem = read_tally(redis.call("HGET", KEYS[1], tally_at), tally_at)
if problem then return problem end
tally[T_PAUSED] = tally[T_PAUSED] + paused_for(bucket, now) - paused_before
if pause > 0 then
  tell(trail, now, "hold", pack(SCHEMA, now, bucket.field, bucket.paused, author, reason, replica))
else
  tell(trail, now, "resume", pack(SCHEMA, now, bucket.field, before, author, reason, replica))
  head.eased = now
end
-- The provider's window begins anew with what is granted next.
if bucket.pace then begin_window(bucket.pace, bucket.paused or now) end
put_bucket(writes, #writes, head, now, bucket)
redis.call("HSET", KEYS[1], "head", pack_head(head, now), tally_at, pack_tally(tally), unpack(writes))
return pack({OK, 1, paused_for(bucket, now), 1})
