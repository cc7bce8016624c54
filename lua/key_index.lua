-- The API keys of a namespace: which there are. Joined in front of the scripts that make them, revoke them and read
-- them.
--
-- The index is there from the first key on, also when all are revoked again: a namespace that once asked who somebody
-- is goes on to ask. Where the store has lost it, whoever knows that there was one has an empty one written
-- (`keys.lua`).

-- Reads the index. Returns nil and an error where it can't be read.
local function read_index(blob)
  if not blob then return {tag = "", ids = {}} end
  local schema, tag, ids = cmsgpack.unpack(blob)
  if schema ~= SCHEMA then return nil, unknown_schema("index", schema) end
  return {tag = tag, ids = ids}
end

-- The place of a key in the index, nil if it is none of them.
local function place_of(index, id)
  for i = 1, #index.ids do
    if index.ids[i] == id then return i end
  end
  return nil
end

local function key_field(id) return "k:" .. id end
local function use_field(id) return "l:" .. id end
