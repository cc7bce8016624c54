-- Which replicas have said that they live. Joined in front of announce.lua, replicas.lua and sweep.lua.
--
-- A replica is told by a row of values: its id, since when it has been there, when it has last said so, its machine,
-- its process there, its version of Tollgate, the fence of its policy, and how many calls wait in it. Rows stand
-- together in a few fields, by the first digit of the id: whoever announces itself reads and writes one of them, and
-- all are read without going through the state.

local REPLICA_US = 300000000  -- 5 min, ten times as long as until a replica says again that it lives
local ROW = 8                 -- values
local ROWS_MOST = 128         -- in a field

-- The rows of a field whose replicas have said lately that they live, one after the other. Returns nil and an error
-- where it can't be read.
local function read_replicas(record, field, now)
  local schema, rows = SCHEMA, {}
  if record then schema, rows = read(record) end
  if schema ~= SCHEMA then return nil, unknown_schema(field, schema) end
  local living = {}
  for r = 1, #rows, ROW do
    if now - rows[r + 2] <= REPLICA_US then
      for v = r, r + ROW - 1 do living[#living + 1] = rows[v] end
    end
  end
  return living
end
