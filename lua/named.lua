-- Names under which calls are charged once. Joined behind acquire.lua.
--
-- A call that is asked for again under its name has been charged: it has what it was granted before, until that is
-- settled, or for 10 minutes. Where calls in flight are counted it has the lease that it took. One that has ended has
-- left its place to others: there the call needs room like any other, and takes a lease anew.

local NAMED_US = 600000000  -- 10 min, in which a name stands for the call that was charged under it

-- The charge that a name stands for, by its record; one that is yet to be made where there is none, or where it is used
-- up. Its leases are told by their places on the path; `over` is 1 if an observed limit had no room for it, and did not
-- charge it.
local function read_charge(field, record, head, now)
  local charge = {field = field, at = now, epoch = head.epoch, over = 0, leases = {}, is_made = false, changed = false,
    places = 0}
  if not record then return charge end
  local stored = {cmsgpack.unpack(record)}
  local schema, at, settled, epoch = stored[1], stored[2], stored[3], stored[4]
  if schema ~= SCHEMA then return nil, unknown_schema(field, schema) end
  if settled == 0 and now - at <= NAMED_US then
    charge.at, charge.epoch, charge.over, charge.is_made = at, epoch, stored[5], true
    for s = 6, #stored, 2 do charge.leases[stored[s]] = stored[s + 1] end
  else
    -- Later than the one that is used up, so that settling that one again does not settle this one.
    charge.at = max(now, at + 1)
  end
  return charge
end

local function pack_charge(charge)
  local leases = {}
  for place = 1, charge.places do
    local id, l = charge.leases[place], #leases
    if id then leases[l + 1], leases[l + 2] = place, id end
  end
  return pack(SCHEMA, charge.at, 0, charge.epoch, charge.over, unpack(leases))
end
