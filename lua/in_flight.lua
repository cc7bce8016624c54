-- Calls in flight at a bucket whose refill is 0: time alone pays nothing off, a call owes its token until it is over.
-- Joined behind acquire.lua and in front of settle.lua.
--
-- A call that is granted there holds a *lease*: an id, and the time until which it counts. Whoever sends the call says
-- when it is over, and until then renews the lease well before its end; of a process that has died the leases run out.
-- Ids are times, those of the grants, or one more than the last where several were granted at once: no id is ever given
-- out twice.

local LOOK_FIRST_US, LOOK_LAST_US = 5000, 250000  -- 5 to 250 ms: when whoever waits for the end of a call looks again

-- Grants leases to `calls` calls. Returns the id of the first, the others follow.
local function take_leases(bucket, calls, now)
  local leases = bucket.leases
  local first = max(now, leases.last + 1)
  for id = first, first + calls - 1 do
    leases.ids[#leases.ids + 1], leases.ends[id] = id, now + bucket.terms.lease
  end
  leases.last = first + calls - 1
  return first
end

-- Renews a lease. One that has run out, or was lost with the state, begins again: its call is in flight, whoever came
-- meanwhile.
local function renew_lease(bucket, id, now)
  local leases = bucket.leases
  if leases.ends[id] == nil then leases.ids[#leases.ids + 1] = id end
  leases.ends[id], leases.last = now + bucket.terms.lease, max(leases.last, id)
end

-- Ends a lease. Returns whether it had not ended before.
local function end_lease(bucket, id)
  local ends = bucket.leases.ends
  local was_held = ends[id]
  -- Not nil: it stands among the ids still, and may be renewed by what comes later in the batch.
  if was_held then ends[id] = false end
  return was_held
end

-- When whoever waits for the end of a call at a bucket looks again, in microseconds: calls that have been in flight for
-- long are likely to go on for long. `before` others look before it.
local function look_again(bucket, before, now)
  local leases, age = bucket.leases, 0
  if bucket.debt > #leases.ids then return LOOK_LAST_US end  -- state was lost: who holds leases is not known yet
  for l = 1, #leases.ids do age = age + max(0, now - leases.ids[l]) end
  local look = floor(age / max(1, #leases.ids) / (2 * bucket.terms.capacity))
  return min(max(look, LOOK_FIRST_US) * (1 + before), LOOK_LAST_US)
end
