-- A throttling *episode* of a bucket: from when on callers were refused or made to wait there until they are no more,
-- and what that has come to. It is in a field of its own until the sweep tells it. Joined behind acquire.lua, which is
-- told by replicas what callers were told, and in front of sweep.lua and episodes.lua.

local QUIET_US = 60000000   -- 1 min in which nobody was refused or made to wait: then it is over
local PART_US = 3600000000  -- 1 h: of one that goes on it is told so often what has been counted

-- The field of the episode of the bucket `b:<limit>:<key>`.
local function episode_field(field)
  return "e:" .. string.sub(field, 3)
end

-- An episode: when it began, since when it is counted what was not told yet, and when it was last reported; calls
-- refused; calls that had waited, for how long together, and the longest (us). One that begins now where there is no
-- record. Returns nil and an error where it can't be read.
local function read_episode(record, field, now)
  if not record then return {began = now, since = now, last = now, refused = 0, waits = 0, waited = 0, longest = 0} end
  local schema, began, since, last, refused, waits, waited, longest = cmsgpack.unpack(record)
  if schema ~= SCHEMA then return nil, unknown_schema(field, schema) end
  return {began = began, since = since, last = last, refused = refused, waits = waits, waited = waited, longest = longest}
end

local function pack_episode(episode)
  return pack(SCHEMA, episode.began, episode.since, episode.last, episode.refused, episode.waits, episode.waited, episode.longest)
end
