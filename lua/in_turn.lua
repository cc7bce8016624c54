-- Grants the calls of a batch where there is not room for all of them, or where somebody waits: each entry in its turn.
-- Joined behind acquire.lua, which has read what is stored.

local KEYS_WAIT_US = 1000000  -- a limit at its number of buckets: the sweep may have made room by then

local entries = cmsgpack.unpack(packed_entries)
local entry_count, first_entry, e = entries[1], 2, 2

-- Which bucket of a path it is that entries[p] is the index of, where the path begins at entries[first].
local function place_on_path(first, p)
  return (p - first) / 2 + 1
end

-- What entry n has at the queues on its path: claims[n][place on the path]. Where nobody waits there is none.
local askers, claims = nil, {}
local function claim_of(n, first, p)
  local bucket, place = buckets[entries[p]], place_on_path(first, p)
  claims[n] = claims[n] or {places = entries[first - 1]}
  if not claims[n][place] then
    bucket.opened = bucket.opened or new_queue(bucket)
    claims[n][place] = claim_at(bucket, askers[n], place, entries[p + 1])
  end
  return claims[n][place]
end

if any_queue then
  askers = read_askers(packed_askers, entry_count)
  for b = 1, #buckets do
    if buckets[b].queue then buckets[b].opened = open_queue(buckets[b], now) end
  end
  local unread = {}
  e = first_entry
  for n = 1, entry_count do
    local first, last = e + 3, e + 2 + 2 * entries[e + 2]
    for p = first, last, 2 do
      local bucket = buckets[entries[p]]
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
    if claims[n] then bring_tickets(claims[n], askers[n], entries[e + 1]) end
    e = e + 3 + 2 * entries[e + 2]
  end
end

-- At which places of their paths entries need room whose calls have been charged: needs[n][place]. Others need it
-- everywhere.
local needs = {}

-- The call of a name needs room where its lease has ended: there it is over, and others may be in flight in its stead.
-- And it needs room where nothing passes, so that whoever is refused by the provider and asks again does not either.
local function places_ended(charge, first, last)
  local ended = {}
  for p = first, last, 2 do
    local place, bucket = place_on_path(first, p), buckets[entries[p]]
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

-- How many of the calls of entry n pass every enforced bucket of the path entries[first..last], each in its turn where
-- others wait.
local function passing(n, calls, first, last)
  local own, needed, place = claims[n], needs[n], 0
  for p = first, last, 2 do
    place = place + 1
    local bucket, claim = buckets[entries[p]], own and own[place]
    if not needed or needed[place] then
      if claim then
        calls = min(calls, turns(claim, calls))
      elseif bucket.terms.enforced then
        calls = fitting_of(calls, bucket, entries[p + 1])
      end
    end
  end
  return calls
end

local function charge(bucket, calls, cost)
  local tokens = calls * cost
  bucket.debt = bucket.debt + tokens * bucket.terms.credit
  count(bucket, calls, tokens)
  if bucket.lost then bucket.lost = 0 end
  if bucket.pace then bucket.pace.used = bucket.pace.used + tokens end
  if not bucket.kept then keep(bucket) end
end

local granted, over, leases, charges, any_charged = {}, {}, {}, {}, false

-- Charges `calls` calls of entry n to every bucket on the path entries[first..last] at which they need room, to an
-- observed one only what it would have let pass. Returns how many of the calls an observed one would have refused.
local function charge_path(n, calls, first, last, named)
  local own, needed, place, refused = claims[n], needs[n], 0, 0
  for p = first, last, 2 do
    place = place + 1
    if not needed or needed[place] then
      local bucket, cost, fitting, claim, id = buckets[entries[p]], entries[p + 1], calls, own and own[place], nil
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

-- The call of a name is in flight from now on, however long ago it was granted first: its leases begin anew. All who
-- ask under its name have the same.
local function renew_leases(n, first, last, named)
  for p = first, last, 2 do
    local bucket, place = buckets[entries[p]], place_on_path(first, p)
    local id = named.leases[place]
    if id then
      renew_lease(bucket, id, now)
      keep(bucket)
      any_charged = true
      leases[#leases + 1] = {entry = n, place = place, first = id, calls = 1}
    end
  end
end

-- Decide in the order of the entries. Whoever asks again under a name has been told of, if anybody was.
local again = {}
e = first_entry
for n = 1, entry_count do
  local permit, calls, first, last, named = permits_at + entries[e], entries[e + 1], e + 3, e + 2 + 2 * entries[e + 2], nil
  if permit > permits_at then
    named = charges[fields[permit]]
    if not named then
      named, problem = read_charge(fields[permit], stored[permit], head, now)
      if problem then return problem end
      charges[named.field], charges[#charges + 1] = named, named
    end
    if named.is_made then needs[n] = places_ended(named, first, last) end
  end
  granted[n], over[n] = passing(n, calls, first, last), 0
  if granted[n] > 0 then
    over[n] = charge_path(n, granted[n], first, last, named)
    if named then
      again[n] = named.is_made
      -- Whoever asks again is told once more that an observed limit had no room: that has charged nothing, and gives
      -- nothing back.
      over[n] = max(over[n], named.over)
      if not again[n] then named.over = over[n] end
      named.is_made, named.places = true, entries[e + 2]
      renew_leases(n, first, last, named)
    end
  end
  e = last + 1
end

-- How long one more call of an entry waits, and for which bucket.
local function bind_wait(n, first, last)
  local wait, by, at = 0, 0, first
  for p = first, last, 2 do
    local bucket, cost, own = buckets[entries[p]], entries[p + 1], 0
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
    if own > wait then wait, by, at = own, crowded(bucket) and -entries[p] or entries[p], p end
  end
  return wait, by, at
end

-- Waits are told once all charges are known: one microsecond earlier would still be too early. Those who have the
-- patience wait in line at the bucket that makes them wait longest, and nowhere else: nothing is held that can't be
-- used.
local told, waits_at, all, waiting = {}, {}, #leases == 0 and not repeated, false
local t = 0
e = first_entry
for n = 1, entry_count do
  local calls, first, last = entries[e + 1], e + 3, e + 2 + 2 * entries[e + 2]
  local wait, by, at, patience = 0, 0, first, 0
  if granted[n] < calls then
    askers = askers or read_askers(packed_askers, entry_count)
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
  told[t + 1], told[t + 2], told[t + 3], told[t + 4] = granted[n], wait, by, over[n]
  all = all and granted[n] == calls and over[n] == 0
  t = t + 4
  e = last + 1
end

local reply = {OK, now, head.epoch, all and 1 or 0}
for r = 1, all and 0 or #told do reply[r + 4] = told[r] end
local replied = #reply
for b = 1, #buckets do
  local bucket = buckets[b]
  reply[replied + b] = (bucket.paused or bucket.pace) and told_debt(bucket, now) or bucket.debt
  waiting = waiting or (bucket.opened and bucket.opened.changed)
end
if not all then reply[#reply + 1] = #leases end
for l = 1, #leases do
  local lease, r = leases[l], #reply
  reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4] = lease.entry, lease.place, lease.first, lease.calls
end
if waiting then reply_tickets(reply, claims, waits_at, entry_count) end
reply = pack(reply)

local writes
writes, problem = add_reports(args, reports_at, head, now)
if problem then return problem end
if KEYS[2] then
  local records, untold, at = {}, {}, reports_at + 5 * args[reports_at] + 1
  for r = at + 1, at + 3 * args[at], 3 do
    local n = args[r]
    local calls = min(untold[n] or granted[n], args[r + 1])
    untold[n] = (untold[n] or granted[n]) - calls
    if calls > 0 and not again[n] then records[#records + 1] = pack(SCHEMA, now, calls) .. args[r + 2] end
  end
  problem = tell_granted({KEYS[2], KEYS[3], KEYS[4]}, records, now)
  if problem then return problem end
end
if any_charged or waiting or head.changed or repeated or #writes > 0 then
  local w = #writes
  for b = 1, #buckets do
    local bucket, queue = buckets[b], buckets[b].opened
    if queue then
      bucket.queue, bucket.kept = close_queue(queue), bucket.kept or queue.changed
      if bucket.kept then w = write_finishes(bucket, now, writes, w) end
    end
  end
  for c = 1, #charges do
    if charges[c].changed then
      writes[w + 1], writes[w + 2] = charges[c].field, pack_charge(charges[c])
      w = w + 2
    end
  end
  write_all(writes, reply)
end
return reply
