-- What is counted of a bucket besides its grants, which its record counts: a *tally*, of one minute, in a field of its own until
-- the sweep books it. Joined in front of the scripts that count so, and of the sweep.

local T_TOKENS, T_REFUSED, T_WAITS, T_WAITED, T_LONGEST, T_THROTTLED, T_PAUSED = 1, 2, 3, 4, 5, 6, 7

-- The field in which it is counted what becomes of a bucket in the present minute.
local function tally_field(head, field)
  return string.format("t:%d", head.minute) .. string.sub(field, 2)
end

-- A tally, of zeros where there is no record yet: tokens charged, or below 0 given back, without a grant; calls refused; calls that
-- waited, for how long together, and the longest (us); refusals of the provider; time added to pauses (us). Returns nil and an
-- error where it can't be read.
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

-- Adds what a replica has told its callers, from args[i] on: a count, and then of each bucket its field, calls refused, calls that had
-- waited, for how long together, and the longest (us). Returns fields and records to be written, or nil and an error where a tally
-- can't be read.
local function add_reports(args, i, head)
  local fields, writes = {}, {}
  for n = 1, args[i] do fields[n] = tally_field(head, args[i + 5 * n - 4]) end
  if #fields == 0 then return writes end
  local stored = redis.call("HMGET", KEYS[1], unpack(fields))
  for n = 1, #fields do
    local tally, unread = read_tally(stored[n], fields[n])
    if not tally then return nil, unread end
    local told = i + 5 * n - 4
    tally[T_REFUSED], tally[T_WAITS] = tally[T_REFUSED] + args[told + 1], tally[T_WAITS] + args[told + 2]
    tally[T_WAITED], tally[T_LONGEST] = tally[T_WAITED] + args[told + 3], max(tally[T_LONGEST], args[told + 4])
    writes[2 * n - 1], writes[2 * n] = fields[n], pack_tally(tally)
  end
  return writes
end
