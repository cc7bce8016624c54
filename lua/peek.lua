-- Tells what buckets owe, and whether the policy is still the one the caller knows. Writes nothing.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            fence       string   policy the buckets were compiled from
--            server      string   run id of the server process on the connection
--            limits, terms, buckets  as in acquire.lua
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one
--            now         us, the namespace's time
--            epoch       integer
--            eased       us, when an operator has last ended a pause, 0 if none has: where it is another one, whoever
--                        waits may go
--            clock       us, the server's clock: the namespace's time without what is added to it since the clock
--                        stepped back
--            buckets     each: debt (credits not yet earned back, or calls in flight; of one that is paused or slow as
--                        if its whole wait were owed), paused (us until it earns again, 0), share (of its refill, of
--                        1024)
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     TIME, HMGET; HGET if a bucket has other terms than its record

local args = cmsgpack.unpack(ARGV[1])
local fence, server = args[1], args[2]
local fields = {"head"}
local buckets = bind_buckets(args, 3, fields)
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
if head.fence ~= fence then return cmsgpack.pack({STALE, head.fence}) end
local now = tell_time(head)
enter_epoch(head, server, now)

problem = read_buckets(buckets, stored, 1, head, now)
if problem then return problem end

local reply = {OK, now, head.epoch, head.eased or 0, now - head.offset}
for b = 1, #buckets do
  local bucket, r = buckets[b], #reply
  reply[r + 1], reply[r + 2], reply[r + 3] = told_debt(bucket, now), paused_for(bucket, now), share_of(bucket)
end
return cmsgpack.pack(reply)
