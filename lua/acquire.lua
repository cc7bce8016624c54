-- Grants the calls of a batch: each call is charged to every bucket on its path, or to none.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            answer      string   field under which this batch's answer is remembered
--            number      integer  of the batch, rising for each answer field, 1..2^53-1
--            repeated    0|1      1: sent before, its answer never came
--            fence       string   policy the batch was compiled from
--            server      string   run id of the server process on the connection
--            limits      count, then each: counter field, most buckets it may have
--            terms       count, then each: refill (credits per us), credit (credits per token), capacity (credits, at most
--                        2^52), enforced 0|1, index of the limit
--            buckets     count, then each: field, index of its terms
--            entries     count, then each: permit field or "", calls (0..), cost (tokens, 1..), path length, bucket indexes
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one | 3 a later batch took this one's place
--            now         us, the namespace's time    (this and the rest only with status 0)
--            epoch       integer
--            entries     each: calls granted, wait (us until one more would pass, 0 if all were granted), by (index of the
--                        bucket that binds, 0 if none, negative if it is its limit's number of buckets that binds), over
--                        (calls granted that an observed limit would have refused)
--            buckets     each: debt (credits not yet earned back)
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   only if something was granted, the epoch or the clock moved, or the batch is a repeated one:
--            head, answer (swept 10 min later), charged buckets (swept when full again), their counters, permits (20 min)
-- COST     TIME, HMGET; HMGET if a bucket is new; HSET if anything is written

local KEYS_WAIT_US = 1000000  -- a limit at its number of buckets: the sweep may have made room by then
local NAMED_US = 600000000    -- 10 min, in which a name stands for the call that was charged under it

local args = cmsgpack.unpack(ARGV[1])
local answer_field, number, repeated, fence, server = args[1], args[2], args[3] == 1, args[4], args[5]

local buckets, limits, next_arg = bind_buckets(args, 6)
local entry_count, first_entry = args[next_arg], next_arg + 1

-- Read everything at once: the head, the remembered answer, the buckets, the permits that were named.
local fields = {"head", answer_field}
for b = 1, #buckets do fields[b + 2] = buckets[b].field end
local e = first_entry
for _ = 1, entry_count do
  if args[e] ~= "" then fields[#fields + 1] = args[e] end
  e = e + 4 + args[e + 3]
end
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local answer = recall(stored[2], answer_field, number)
if answer then return answer end
local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
if head.fence ~= fence then return cmsgpack.pack({STALE, head.fence}) end
local now = tell_time(head)
enter_epoch(head, server, now)

local any_new
problem, any_new = read_debts(buckets, stored, 2, head, now)
if problem then return problem end
if any_new then
  local counters = {}
  for l = 1, #limits do counters[l] = limits[l].counter end
  local counts = redis.call("HMGET", KEYS[1], unpack(counters))
  for l = 1, #limits do limits[l].buckets = tonumber(counts[l] or 0) end
end

-- Whether the bucket would be one more than its limit may have.
local function crowded(bucket)
  return bucket.new and bucket.terms.limit.buckets >= bucket.terms.limit.most
end

-- How many calls of `cost` tokens the bucket has room for.
local function room(bucket, cost)
  if crowded(bucket) then return 0 end
  return math.max(0, math.floor((bucket.terms.capacity - bucket.debt) / (cost * bucket.terms.credit)))
end

-- How many of the calls pass every enforced bucket of the path args[first..last].
local function passing(calls, cost, first, last)
  for p = first, last do
    local bucket = buckets[args[p]]
    if bucket.terms.enforced then calls = math.min(calls, room(bucket, cost)) end
  end
  return calls
end

local function charge(bucket, calls, cost)
  bucket.debt = bucket.debt + calls * cost * bucket.terms.credit
  bucket.charged = true
  if bucket.new then
    local limit = bucket.terms.limit
    limit.buckets, limit.grown, bucket.new = limit.buckets + 1, true, false
  end
end

-- Decide in the order of the entries. An observed bucket is charged only for what it would have let pass.
local granted, over, permits, granted_any = {}, {}, {}, false
local named = #buckets + 2
e = first_entry
for n = 1, entry_count do
  local permit, calls, cost, first, last = args[e], args[e + 1], args[e + 2], e + 4, e + 3 + args[e + 3]
  local remembered, named_before = false, 0
  if permit ~= "" then
    named = named + 1
    local schema, settled = SCHEMA, 1
    if stored[named] then schema, named_before, settled = cmsgpack.unpack(stored[named]) end
    if schema ~= SCHEMA then return unknown_schema(permit, schema) end
    -- A permit that was settled is used up: the next call of its name is charged again.
    remembered = (settled == 0 and now - named_before <= NAMED_US) or permits[permit]
  end
  granted[n], over[n] = calls, 0
  if not remembered then
    granted[n] = passing(calls, cost, first, last)
    if granted[n] > 0 then
      for p = first, last do
        local bucket = buckets[args[p]]
        local fitting = granted[n]
        if not bucket.terms.enforced then
          fitting = math.min(fitting, room(bucket, cost))
          over[n] = math.max(over[n], granted[n] - fitting)
        end
        if fitting > 0 then charge(bucket, fitting, cost) end
      end
      if permit ~= "" then
        -- Later than the permit of its name that was used up, so that settling that one again does not settle this one.
        permits[permit] = math.max(now, named_before + 1)
        permits[#permits + 1] = permit
      end
      granted_any = true
    end
  end
  e = last + 1
end

-- Waits are told once all charges are known: one microsecond earlier would still be too early.
local reply = {OK, now, head.epoch}
e = first_entry
for n = 1, entry_count do
  local calls, cost, first, last = args[e + 1], args[e + 2], e + 4, e + 3 + args[e + 3]
  local wait, by = 0, 0
  if granted[n] < calls then
    for p = first, last do
      local bucket = buckets[args[p]]
      local terms = bucket.terms
      local missing = bucket.debt + cost * terms.credit - terms.capacity
      if terms.enforced and crowded(bucket) and wait < KEYS_WAIT_US then
        wait, by = KEYS_WAIT_US, -args[p]
      elseif terms.enforced and math.ceil(missing / terms.refill) > wait then
        wait, by = math.ceil(missing / terms.refill), args[p]
      end
    end
  end
  local r = #reply
  reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4] = granted[n], wait, by, over[n]
  e = last + 1
end
local replied = #reply
for b = 1, #buckets do reply[replied + b] = buckets[b].debt end
reply = cmsgpack.pack(reply)

if granted_any or head.changed or repeated then
  local writes = {"head", pack_head(head, now), answer_field, pack_answer(number, now, reply)}
  local w = 4
  for b = 1, #buckets do
    if buckets[b].charged then
      writes[w + 1], writes[w + 2] = buckets[b].field, pack_debt(head, now, buckets[b])
      w = w + 2
    end
  end
  for l = 1, #limits do
    if limits[l].grown then
      writes[w + 1], writes[w + 2] = limits[l].counter, string.format("%d", limits[l].buckets)
      w = w + 2
    end
  end
  for p = 1, #permits do
    writes[w + 1], writes[w + 2] = permits[p], cmsgpack.pack(SCHEMA, permits[permits[p]], 0, head.epoch)
    w = w + 2
  end
  redis.call("HSET", KEYS[1], unpack(writes))
end
return reply
