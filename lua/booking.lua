-- The books: what was granted, refused and waited for, by the minute and by the hour. Joined in front of sweep.lua,
-- which finds what buckets have counted and enters it here, each count once.
--
-- A *page* is a minute or an hour. It has a part for each limit; a part has a row for each of its busiest keys, and one
-- for all others.

local ROWS_MOST = 100
local MINUTES_KEPT = 2880  -- 48 h
local HOURS_KEPT = 720     -- 30 days
local CLOSED_MOST = 1000   -- pages of a kind that one call removes
local PAGES_MOST = 8       -- that one call enters something in: each is read and written whole

-- A row: calls granted, tokens, and what a tally has behind its tokens.
local CALLS, REFUSED, LONGEST, COUNTS = 1, 3, 6, 8

local function add_row(row, more)
  for c = 1, COUNTS do row[c] = c == LONGEST and max(row[c], more[c]) or row[c] + more[c] end
end

local function busyness(row)
  return row[CALLS] + row[REFUSED]
end

-- A part without a row yet.
local function new_part()
  return {other = {0, 0, 0, 0, 0, 0, 0, 0}, keys = {}, rows = {}}
end

-- A part as it is stored: the row of all others, then of each key its name and its row.
local function read_part(stored)
  local part, values = new_part(), cmsgpack.unpack(stored)
  part.other = {unpack(values, 1, COUNTS)}
  for v = COUNTS + 1, #values, COUNTS + 1 do
    part.keys[#part.keys + 1], part.rows[values[v]] = values[v], {unpack(values, v + 1, v + COUNTS)}
  end
  return part
end

local function pack_part(part)
  local values, v = {unpack(part.other)}, COUNTS
  for k = 1, #part.keys do
    local row = part.rows[part.keys[k]]
    values[v + 1] = part.keys[k]
    for c = 1, COUNTS do values[v + 1 + c] = row[c] end
    v = v + 1 + COUNTS
  end
  return pack(values)
end

local function least_busy(part)
  local least = 1
  for k = 2, #part.keys do
    if busyness(part.rows[part.keys[k]]) < busyness(part.rows[part.keys[least]]) then least = k end
  end
  return least
end

-- Adds what the keys of one part have counted to another, the one that is stored. Where that has as many rows as it
-- may, a busier key takes the place of the least busy one.
local function add_part(part, more)
  local least = false
  for k = 1, #more.keys do
    local key = more.keys[k]
    local row = more.rows[key]
    if part.rows[key] then
      add_row(part.rows[key], row)
      least = false
    elseif #part.keys < ROWS_MOST then
      part.keys[#part.keys + 1], part.rows[key] = key, row
    else
      least = least or least_busy(part)
      local quiet = part.keys[least]
      if busyness(row) > busyness(part.rows[quiet]) then
        add_row(part.other, part.rows[quiet])
        part.keys[least], part.rows[quiet], part.rows[key] = key, nil, row
        least = false
      else
        add_row(part.other, row)
      end
    end
  end
end

-- What one call enters: pages and their parts, in the order in which they were first named.
local function enter(books, field, limit, key, row)
  local page = books[field]
  if not page then
    page = {field = field, limits = {}, parts = {}}
    books[field], books[#books + 1] = page, page
  end
  local part = page.parts[limit]
  if not part then
    part = new_part()
    page.parts[limit], page.limits[#page.limits + 1] = part, limit
  end
  if part.rows[key] then
    add_row(part.rows[key], row)
  else
    part.keys[#part.keys + 1], part.rows[key] = key, {unpack(row)}
  end
end

-- Notes what the bucket `<limit>:<key>` has counted in a minute. What is older than the books is nobody's business any
-- more. Returns false, and sets books.late, where the call has as many pages in hand as it may: a later pass finds it
-- again.
local function book(books, head, minute, bucket, row)
  local page, hour = string.format("m:%d", minute), floor(minute / 60)
  if not books[page] and #books + 2 > PAGES_MOST then
    books.late = 1
    return false
  end
  local limit, key = string.match(bucket, "^([^:]*):(.*)$")
  if minute >= head.minute - MINUTES_KEPT then enter(books, page, limit, key, row) end
  if hour >= floor(head.minute / 60) - HOURS_KEPT then enter(books, string.format("h:%d", hour), limit, key, row) end
  return true
end

-- Works out what the pages come to: fields and records to be written. Returns nil and an error where one that is there
-- can't be read.
local function close_books(books, key)
  if #books == 0 then return {} end
  local fields, writes = {}, {}
  for p = 1, #books do fields[p] = books[p].field end
  local stored = redis.call("HMGET", key, unpack(fields))
  for p = 1, #books do
    local page, schema, parts, places = books[p], SCHEMA, {}, {}
    if stored[p] then schema, parts = cmsgpack.unpack(stored[p]) end
    if schema ~= SCHEMA then return nil, unknown_schema(page.field, schema) end
    for s = 1, #parts, 2 do places[parts[s]] = s end
    for l = 1, #page.limits do
      local limit = page.limits[l]
      local place = places[limit]
      local part = place and read_part(parts[place + 1]) or new_part()
      add_part(part, page.parts[limit])
      place = place or #parts + 1
      parts[place], parts[place + 1] = limit, pack_part(part)
    end
    writes[2 * p - 1], writes[2 * p] = page.field, pack(SCHEMA, parts)
  end
  return writes
end

-- Adds the fields of pages that have been kept long enough to `removed`. Those from `first` on may be there. Returns
-- the first that is left.
local function outlive(kind, first, kept_from, removed)
  local left = max(first, min(kept_from, first + CLOSED_MOST))
  for period = first, left - 1 do removed[#removed + 1] = string.format("%s:%d", kind, period) end
  return left
end
