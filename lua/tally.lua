-- What is counted of a bucket besides its grants, which its record counts: a *tally*, of one minute, in a field of its
-- own until the sweep books it. Joined in front of the scripts that count so, and of the sweep.

local T_TOKENS, T_REFUSED, T_WAITS, T_WAITED, T_LONGEST, T_THROTTLED, T_PAUSED = 1, 2, 3, 4, 5, 6, 7

-- The field in which it is counted what becomes of a bucket in the present minute.
local function tally_field(head, field)
  return string.format("t:%d", head.minute) .. string.sub(field, 2)
end

-- A tally, of zeros where there is no record yet: tokens charged, or below 0 given back, without a grant; calls
-- refused; calls that waited, for how long together, and the longest (us); refusals of the provider; time added to
-- pauses (us). Returns nil and an error where it can't be read.
local function read_tally(record, field)
  if not record then return {0, 0, 0, 0, 0, 0, 0} end
  local tally = {cmsgpack.unpack(record)}
  local schema = table.remove(tally, 1)
  if schema ~= SCHEMA then return nil, unknown_schema(field, schema) end
  return tally
end

local function pack_tally(tally)
  return pack(SCHEMA, unpack(tally))
end
