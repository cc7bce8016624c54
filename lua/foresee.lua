-- Tells what buckets owe, and what they would owe if another policy came into force at this moment. Writes nothing.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            fence       string   policy in force, which the first buckets were compiled from
--            server      string   run id of the server process on the connection
--            limits, terms, buckets  as in acquire.lua: as they are now
--            limits, terms, buckets  the same: as they would be then
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy in force is another one
--            now         us, the namespace's time
--            buckets     each of the first, and then each of the second: debt, paused and share, as peek.lua tells them
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     TIME, HMGET; HGET if a bucket has other terms than its record

local args = cmsgpack.unpack(ARGV[1])
local fence, server = args[1], args[2]
local fields = {"head", "changes"}
local before, _, behind = bind_buckets(args, 3, fields)
local after = bind_buckets(args, behind, fields)
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
if head.fence ~= fence then return cmsgpack.pack({STALE, head.fence}) end
local schema, changes = SCHEMA, {}
if stored[2] then schema, changes = cmsgpack.unpack(stored[2]) end
if schema ~= SCHEMA then return unknown_schema("changes", schema) end
local now = tell_time(head)
enter_epoch(head, server, now)

problem = read_buckets(before, stored, 2, head, now)
if problem then return problem end
-- The same code reads them as will read them after the change, which writes no bucket.
rule_anew(head, changes, now)
problem = read_buckets(after, stored, 2 + #before, head, now)
if problem then return problem end

local reply = {OK, now}
for _, buckets in ipairs({before, after}) do
  for b = 1, #buckets do
    local bucket, r = buckets[b], #reply
    reply[r + 1], reply[r + 2], reply[r + 3] = told_debt(bucket, now), paused_for(bucket, now), share_of(bucket)
  end
end
return cmsgpack.pack(reply)
