-- What a replica has told its callers since its last batch, of each bucket: entered in its tally, for the books, and in
-- its episode, for the audit trail. Joined behind acquire.lua.

-- Adds a report to an episode. Who had waited was made to wait all that time: so long ago it has begun.
local function add_to_episode(episode, refused, waits, waited, longest, now)
  episode.began, episode.last = min(episode.began, now - longest), now
  episode.refused, episode.waits = episode.refused + refused, episode.waits + waits
  episode.waited, episode.longest = episode.waited + waited, max(episode.longest, longest)
end

-- Adds what callers were told, from args[i] on: a count, and then of each bucket its field, calls refused, calls that
-- had waited, for how long together, and the longest (us). Returns fields and records to be written, or nil and an
-- error where one of them can't be read.
local function add_reports(args, i, head, now)
  local fields, writes, count = {}, {}, args[i]
  for n = 1, count do
    local bucket = args[i + 5 * n - 4]
    fields[n], fields[count + n] = tally_field(head, bucket), episode_field(bucket)
  end
  if count == 0 then return writes end
  local stored = redis.call("HMGET", KEYS[1], unpack(fields))
  for n = 1, count do
    local tally, unread = read_tally(stored[n], fields[n])
    if not tally then return nil, unread end
    local episode
    episode, unread = read_episode(stored[count + n], fields[count + n], now)
    if not episode then return nil, unread end
    local told = i + 5 * n - 4
    local refused, waits, waited, longest = args[told + 1], args[told + 2], args[told + 3], args[told + 4]
    tally[T_REFUSED], tally[T_WAITS] = tally[T_REFUSED] + refused, tally[T_WAITS] + waits
    tally[T_WAITED], tally[T_LONGEST] = tally[T_WAITED] + waited, max(tally[T_LONGEST], longest)
    add_to_episode(episode, refused, waits, waited, longest, now)
    writes[4 * n - 3], writes[4 * n - 2] = fields[n], pack_tally(tally)
    writes[4 * n - 1], writes[4 * n] = fields[count + n], pack_episode(episode)
  end
  return writes
end
