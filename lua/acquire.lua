-- Grants the calls of a batch: each call is charged to every bucket on its path, or to none. Calls that wait take their turns.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            answer      string   field under which this batch's answer is remembered
--            number      integer  of the batch, rising for each answer field, 1..2^53-1
--            repeated    0|1      1: sent before, its answer never came
--            fence       string   policy the batch was compiled from
--            server      string   run id of the server process on the connection
--            askers      string   msgpack array, flat, needed only where calls wait:
--              flows       count, then each: name
--              entries     each: index of the flow, patience (us that the calls would wait, 0: not at all), path length, the
--                          flow's weight (1..2^20) at each bucket, number of tickets brought, place on the path (1..), period
--                          and tag of each
--            limits      count, then each: counter field, most buckets it may have
--            terms       count, then each: refill (credits per us; 0: calls in flight are counted), credit (credits per
--                        token), capacity (credits, at most 2^52), enforced 0|1, index of the limit, lease (us; of calls in
--                        flight)
--            buckets     count, then each: field, index of its terms
--            entries     count, then each: permit field or "", calls (0..), path length, then of each bucket on the path:
--                        its index, what a call costs there (tokens, 1..)
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one | 3 a later batch took this one's place
--            now         us, the namespace's time    (this and the rest only with status 0)
--            epoch       integer
--            entries     each: calls granted, wait (us until one more would pass, or looks again where it waits for others to
--                        be over; 0 if all were granted), by (index of the bucket that binds, 0 if none, negative if it is
--                        its limit's number of buckets that binds), over (calls granted that an observed limit would have
--                        refused)
--            buckets     each: debt (credits not yet earned back, or calls in flight; of one that is paused or slow as if its
--                        whole wait were owed)
--            leases      count, then each: index of its entry, place on the path, id of its first call's lease, how many of
--                        its calls have one: their ids follow each other
--            tickets     each: index of its entry, place on the path, period, tag; by entry, place and tag. To be brought when
--                        the calls come back, or with fewer calls to be given up
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   only if something was granted, somebody has come to wait or waits no more, the epoch or the clock moved, or the batch
--          is a repeated one: head, answer (swept 10 min later), buckets that were charged or are waited at (swept when full
--          again), their counters, permits (20 min), flows (1 min)
-- COST     TIME, HMGET; HMGET if a bucket is new; HMGET if somebody waits; HSET if anything is written

local KEYS_WAIT_US = 1000000  -- a limit at its number of buckets: the sweep may have made room by then

local args = cmsgpack.unpack(ARGV[1])
local answer_field, number, repeated, fence, server = args[1], args[2], args[3] == 1, args[4], args[5]

local buckets, limits, next_arg = bind_buckets(args, 7)
local entry_count, first_entry = args[next_arg], next_arg + 1

-- Read everything at once: the head, the remembered answer, the buckets, the permits that were named.
local fields = {"head", answer_field}
for b = 1, #buckets do fields[b + 2] = buckets[b].field end
local e = first_entry
for _ = 1, entry_count do
  if args[e] ~= "" then fields[#fields + 1] = args[e] end
  e = e + 3 + 2 * args[e + 2]
end
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local answer = recall(stored[2], answer_field, number)
if answer then return answer end
local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return pack({LOST}) end
if head.fence ~= fence then return pack({STALE, head.fence}) end
local now = tell_time(head)
enter_epoch(head, server, now)

local any_new, any_queue
problem, any_new, any_queue = read_buckets(buckets, stored, 2, head, now)
if problem then return problem end
if any_new then
  local counters = {}
  for l = 1, #limits do counters[l] = limits[l].counter end
  local counts = redis.call("HMGET", KEYS[1], unpack(counters))
  for l = 1, #limits do limits[l].buckets = tonumber(counts[l] or 0) end
end

-- Which bucket of a path it is that args[p] is the index of, where the path begins at args[first].
local function place_on_path(first, p)
  return (p - first) / 2 + 1
end

-- What entry n has at the queues on its path: claims[n][place on the path]. Where nobody waits there is none.
local askers, claims = nil, {}
local function claim_of(n, first, p)
  local bucket, place = buckets[args[p]], place_on_path(first, p)
  claims[n] = claims[n] or {places = args[first - 1]}
  if not claims[n][place] then
    bucket.opened = bucket.opened or new_queue(bucket)
    claims[n][place] = claim_at(bucket, askers[n], place, args[p + 1])
  end
  return claims[n][place]
end

if any_queue then
  askers = read_askers(args[6], entry_count)
  for b = 1, #buckets do
    if buckets[b].queue then buckets[b].opened = open_queue(buckets[b], now) end
  end
  local unread = {}
  e = first_entry
  for n = 1, entry_count do
    local first, last = e + 3, e + 2 + 2 * args[e + 2]
    for p = first, last, 2 do
      local bucket = buckets[args[p]]
      if bucket.opened and bucket.terms.enforced then expect_finish(claim_of(n, first, p), unread) end
    end
    e = last + 1
  end
  for f = 1, #unread, FIELDS_MOST do
    local names = {}
    for u = f, min(#unread, f + FIELDS_MOST - 1) do names[u - f + 1] = unread[u].field end
    local finishes = redis.call("HMGET", KEYS[1], unpack(names))
    for u = 1, #names do
      problem = read_finish(unread[f + u - 1], finishes[u], now)
      if problem then return problem end
    end
  end
  -- All tickets are brought before anything is decided: nothing is left for those that are given up.
  e = first_entry
  for n = 1, entry_count do
    if claims[n] then bring_tickets(claims[n], askers[n], args[e + 1]) end
    e = e + 3 + 2 * args[e + 2]
  end
end

-- At which places of their paths entries need room whose calls have been charged: needs[n][place]. Others need it everywhere.
local needs = {}

-- The call of a name needs room where its lease has ended: there it is over, and others may be in flight in its stead. And it
-- needs room where nothing passes, so that whoever is refused by the provider and asks again does not either.
local function places_ended(charge, first, last)
  local ended = {}
  for p = first, last, 2 do
    local place, bucket = place_on_path(first, p), buckets[args[p]]
    local id, held = charge.leases[place], bucket.leases
    ended[place] = bucket.paused or (held and not (id and held.ends[id]))
  end
  return ended
end

-- Whether the bucket would be one more than its limit may have.
local function crowded(bucket)
  return bucket.new and bucket.terms.limit.buckets >= bucket.terms.limit.most
end

-- How many of `calls` calls of `cost` tokens the bucket has room for. Mostly for all: then nothing is divided.
local function fitting_of(calls, bucket, cost)
  local terms = bucket.terms
  if bucket.new and crowded(bucket) then return 0 end
  local left, credits = terms.capacity - bucket.debt, cost * terms.credit
  if calls * credits <= left then return calls end
  return max(0, floor(left / credits))
end

-- How many of the calls of entry n pass every enforced bucket of the path args[first..last], each in its turn where others wait.
local function passing(n, calls, first, last)
  local own, needed, place = claims[n], needs[n], 0
  for p = first, last, 2 do
    place = place + 1
    local bucket, claim = buckets[args[p]], own and own[place]
    if not needed or needed[place] then
      if claim then
        calls = min(calls, turns(claim, calls))
      elseif bucket.terms.enforced then
        calls = fitting_of(calls, bucket, args[p + 1])
      end
    end
  end
  return calls
end

-- The bucket is to be written: it has been charged, or is waited at.
local function keep(bucket)
  bucket.kept = true
  if bucket.new then
    local limit = bucket.terms.limit
    limit.buckets, limit.grown, bucket.new = limit.buckets + 1, true, false
  end
end

local function charge(bucket, calls, cost)
  bucket.debt, bucket.lost = bucket.debt + calls * cost * bucket.terms.credit, 0
  if bucket.pace then bucket.pace.used = bucket.pace.used + calls * cost end
  if not bucket.kept then keep(bucket) end
end

local granted, over, leases, charges, any_charged = {}, {}, {}, {}, false

-- Charges `calls` calls of entry n to every bucket on the path args[first..last] at which they need room, to an observed one
-- only what it would have let pass. Returns how many of the calls an observed one would have refused.
local function charge_path(n, calls, first, last, named)
  local own, needed, place, refused = claims[n], needs[n], 0, 0
  for p = first, last, 2 do
    place = place + 1
    if not needed or needed[place] then
      local bucket, cost, fitting, claim, id = buckets[args[p]], args[p + 1], calls, own and own[place], nil
      if not bucket.terms.enforced then
        fitting = fitting_of(calls, bucket, cost)
        refused = max(refused, calls - fitting)
      end
      if fitting > 0 then
        charge(bucket, fitting, cost)
        if bucket.leases then id = take_leases(bucket, fitting, now) end
      end
      if claim then serve(claim, fitting) end
      any_charged = true
      if named then
        named.leases[place], named.changed = id, true
      elseif id then
        leases[#leases + 1] = {entry = n, place = place, first = id, calls = fitting}
      end
    end
  end
  return refused
end

-- The call of a name is in flight from now on, however long ago it was granted first: its leases begin anew. All who ask under
-- its name have the same.
local function renew_leases(n, first, last, named)
  for p = first, last, 2 do
    local bucket, place = buckets[args[p]], place_on_path(first, p)
    local id = named.leases[place]
    if id then
      renew_lease(bucket, id, now)
      keep(bucket)
      any_charged = true
      leases[#leases + 1] = {entry = n, place = place, first = id, calls = 1}
    end
  end
end

-- Decide in the order of the entries.
local stored_at = #buckets + 2
e = first_entry
for n = 1, entry_count do
  local permit, calls, first, last, named = args[e], args[e + 1], e + 3, e + 2 + 2 * args[e + 2], nil
  if permit ~= "" then
    stored_at, named = stored_at + 1, charges[permit]
    if not named then
      named, problem = read_charge(permit, stored[stored_at], head, now)
      if problem then return problem end
      charges[permit], charges[#charges + 1] = named, named
    end
    if named.is_made then needs[n] = places_ended(named, first, last) end
  end
  granted[n], over[n] = passing(n, calls, first, last), 0
  if granted[n] > 0 then
    over[n] = charge_path(n, granted[n], first, last, named)
    if named then
      named.is_made, named.places = true, args[e + 2]
      renew_leases(n, first, last, named)
    end
  end
  e = last + 1
end

-- How long one more call of an entry waits, and for which bucket.
local function bind_wait(n, first, last)
  local wait, by, at = 0, 0, first
  for p = first, last, 2 do
    local bucket, cost, own = buckets[args[p]], args[p + 1], 0
    if bucket.terms.enforced and (not needs[n] or needs[n][place_on_path(first, p)]) then
      if crowded(bucket) then
        own = KEYS_WAIT_US
      elseif bucket.opened then
        own = wait_for_turn(claim_of(n, first, p), 1, now)
      elseif bucket.leases then
        own = fitting_of(1, bucket, cost) > 0 and 0 or look_again(bucket, 0, now) + paused_for(bucket, now)
      else
        own = paused_for(bucket, now)
          + ceil((bucket.debt + cost * bucket.terms.credit - bucket.terms.capacity) / bucket.terms.refill)
      end
    end
    if own > wait then wait, by, at = own, crowded(bucket) and -args[p] or args[p], p end
  end
  return wait, by, at
end

-- Waits are told once all charges are known: one microsecond earlier would still be too early. Those who have the patience
-- wait in line at the bucket that makes them wait longest, and nowhere else: nothing is held that can't be used.
local reply, waits_at, waiting = {OK, now, head.epoch}, {}, false
local replied = 3
e = first_entry
for n = 1, entry_count do
  local calls, first, last = args[e + 1], e + 3, e + 2 + 2 * args[e + 2]
  local wait, by, at, patience = 0, 0, first, 0
  if granted[n] < calls then
    askers = askers or read_askers(args[6], entry_count)
    patience = askers[n].patience
    wait, by, at = bind_wait(n, first, last)
    -- Nobody knows when a call in flight will be over: there is hope as long as there is patience.
    if patience > 0 and by > 0 and buckets[by].leases and not buckets[by].paused then wait = min(wait, patience) end
  end
  if patience > 0 and wait <= patience then
    waits_at[n] = place_on_path(first, at)
    if by > 0 then
      wait = wait_in_line(claim_of(n, first, at), calls - granted[n], patience, now)
      keep(buckets[by])
    end
  elseif claims[n] and give_up_all(claims[n]) and granted[n] < calls then
    wait, by = bind_wait(n, first, last)
  end
  reply[replied + 1], reply[replied + 2], reply[replied + 3], reply[replied + 4] = granted[n], wait, by, over[n]
  replied = replied + 4
  e = last + 1
end
for b = 1, #buckets do
  local bucket = buckets[b]
  reply[replied + b] = (bucket.paused or bucket.pace) and told_debt(bucket, now) or bucket.debt
  waiting = waiting or (bucket.opened and bucket.opened.changed)
end
reply[#reply + 1] = #leases
for l = 1, #leases do
  local lease, r = leases[l], #reply
  reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4] = lease.entry, lease.place, lease.first, lease.calls
end
if waiting then reply_tickets(reply, claims, waits_at, entry_count) end
reply = pack(reply)

if any_charged or waiting or head.changed or repeated then
  local writes = {"head", pack_head(head, now), answer_field, pack_answer(number, now, reply)}
  local w = 4
  for b = 1, #buckets do
    local bucket, queue = buckets[b], buckets[b].opened
    if bucket.kept or (queue and queue.changed) then
      if queue then
        bucket.queue = close_queue(queue)
        w = write_finishes(bucket, now, writes, w)
      end
      writes[w + 1], writes[w + 2] = bucket.field, pack_bucket(head, now, bucket)
      w = w + 2
    end
  end
  for l = 1, #limits do
    if limits[l].grown then
      writes[w + 1], writes[w + 2] = limits[l].counter, string.format("%d", limits[l].buckets)
      w = w + 2
    end
  end
  for c = 1, #charges do
    if charges[c].changed then
      writes[w + 1], writes[w + 2] = charges[c].field, pack_charge(charges[c])
      w = w + 2
    end
  end
  for f = 1, w, FIELDS_MOST do
    redis.call("HSET", KEYS[1], unpack(writes, f, min(w, f + FIELDS_MOST - 1)))
  end
end
return reply
