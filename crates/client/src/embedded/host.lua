-- The Lua side of the embedded engine: what a script finds around it, and nothing else.
--
-- Why some of it is Lua: a Rust function can only raise userdata, and scripts must meet the strings and tables that
-- Redis raises. So the Rust functions return what is to be raised, and these raise it. The other way round, whatever
-- userdata an error carries is the host's own (a refusal, a limit), and `pcall` lets it through.
--
-- ARGUMENTS  command(texts) -> reply, failed    pack(...) -> blob      unpack(blob) -> nil | complaint, values..
--            refuse(what) raises                out_of_memory() raises
-- RETURNS    the environment of all scripts; the table that KEYS and ARGV are put into; run(script) -> ok, value

local command, pack, unpack_blob, refuse, out_of_memory = ...
local error, ipairs, pcall, select, setmetatable, tostring, type, unpack =
  error, ipairs, pcall, select, setmetatable, tostring, type, unpack
local find, format, match, sub = string.find, string.format, string.match, string.sub

local function read_only()
  error("Attempt to modify a readonly table", 2)
end

-- A library as scripts see it: the named functions, refusing the rest, and closed to writing. Scripts get an empty
-- table that looks into the real one, for Lua 5.1 calls __newindex only for what a table does not have.
local function library(name, functions, allowed)
  local open = {}
  for _, entry in ipairs(allowed) do
    open[entry] = functions[entry]
  end
  setmetatable(open, {
    __index = function(_, entry)
      refuse(name .. "." .. tostring(entry))
    end,
  })
  return setmetatable({}, { __index = open, __newindex = read_only })
end

-- Redis 7.0 prints numbers with `%.17g`, later ones otherwise: only integers up to 2^53 look the same everywhere, and
-- of these not minus zero.
local function printed(number)
  local is_minus_zero = number == 0 and 1 / number < 0
  if number % 1 ~= 0 or number > 2 ^ 53 or number < -2 ^ 53 or is_minus_zero then
    refuse("a number that servers print differently as an argument of redis.call; use integers within 2^53 or format it")
  end
  return format("%d", number)
end

-- In a table, because Rust reads one several times quicker than arguments.
local function run_command(...)
  local texts, count = { ... }, select("#", ...)
  if count == 0 then
    return { err = "ERR Please specify at least one argument for this redis lib call" }, true
  end
  for index = 1, count do
    local kind = type(texts[index])
    if kind == "number" then
      texts[index] = printed(texts[index])
    elseif kind ~= "string" then
      return { err = "ERR Lua redis lib command arguments must be strings or integers" }, true
    end
  end
  return command(texts)
end

local function call(...)
  local reply, failed = run_command(...)
  if failed then
    error(reply)
  end
  return reply
end

local function call_protected(...)
  local reply = run_command(...)
  return reply
end

local WRONG_ARGUMENTS = "ERR wrong number or type of arguments"

local function status_reply(...)
  if select("#", ...) ~= 1 or type(...) ~= "string" then
    return { err = WRONG_ARGUMENTS }
  end
  return { ok = ... }
end

-- A text without a code gets "ERR"; Redis reads it as a C string.
local function error_reply(...)
  if select("#", ...) ~= 1 or type(...) ~= "string" then
    return { err = WRONG_ARGUMENTS }
  end
  local text = match(..., "^%-?([^%z]*)")
  local space = find(text, " ", 1, true)
  local code = space and sub(text, 1, space - 1) or "ERR"
  local message = space and sub(text, space + 1) or text
  return { err = code .. " " .. match(message, "^[\r\n]*(.-)[\r\n]*$") }
end

local function collect(...)
  return { count = select("#", ...), ... }
end

-- Leaves as little trace in messages as Redis's `pcall`: called in place of its caller, its level in
-- `error(text, level)` is that of no line, and through `...` what it calls has no name.
local function call_in_place(...)
  return (...)(select(2, ...))
end

-- Lua's own `pcall` reserves no stack for its verdict beside twenty results or more; a table holds any number.
local function collect_results(...)
  return collect(call_in_place(...))
end

-- Redis's `pcall`: an error table comes out as its text.
local function protected(action, ...)
  if type(action) ~= "function" then
    return false, "attempt to call a " .. type(action) .. " value"
  end
  local ok, outcome = pcall(collect_results, action, ...)
  if ok then
    return true, unpack(outcome, 1, outcome.count)
  end
  local kind = type(outcome)
  if kind == "userdata" then
    error(outcome, 0)
  elseif outcome == "not enough memory" then
    out_of_memory()
  elseif kind == "string" then
    -- A position in here is that of `call_in_place` running a function of C, which Redis places nowhere.
    return false, match(outcome, "^%[host%]:%d+: (.*)$") or outcome
  elseif kind ~= "table" then
    return false, outcome
  elseif type(outcome.err) ~= "string" then
    refuse("raising something that is neither a string nor {err = \"CODE text\"}: uncaught, it crashes redis-server")
  end
  return false, outcome.err
end

local function pack_all(...)
  if select("#", ...) == 0 then
    error("bad argument #0 to 'pack' (MessagePack pack needs input.)", 2)
  end
  return pack(...)
end

-- Level 3 is the script: `unpacked` is called in place of its caller.
local function unpacked(complaint, ...)
  if complaint then
    error(complaint, 3)
  end
  return ...
end

local function unpack_all(...)
  local blob = ...
  if type(blob) == "number" then
    refuse("cmsgpack.unpack of a number")
  elseif type(blob) ~= "string" then
    local kind = select("#", ...) == 0 and "no value" or type(blob)
    error("bad argument #1 to 'unpack' (string expected, got " .. kind .. ")", 2)
  end
  return unpacked(unpack_blob(blob))
end

-- What a Redis script finds and ours do without: known, to be refused by name.
local LEFT_OUT = " _G _VERSION bit cjson collectgarbage coroutine gcinfo getmetatable load loadstring rawequal rawget "
  .. "rawset setmetatable struct xpcall "

-- The string library's unbounded `rep` is bounded by the memory limit; `dump` gives machine code.
local strings = library("string", string, {
  "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper",
})

local scope = {
  assert = assert,
  cmsgpack = library("cmsgpack", { pack = pack_all, unpack = unpack_all }, { "pack", "unpack" }),
  error = error,
  ipairs = ipairs,
  math = library("math", math, { "abs", "ceil", "floor", "fmod", "huge", "max", "min", "modf" }),
  next = next,
  pairs = pairs,
  pcall = protected,
  redis = library(
    "redis",
    { call = call, pcall = call_protected, error_reply = error_reply, status_reply = status_reply },
    { "call", "pcall", "error_reply", "status_reply" }
  ),
  select = select,
  string = strings,
  table = library("table", table, { "concat", "insert", "remove", "sort" }),
  tonumber = tonumber,
  tostring = tostring,
  type = type,
  unpack = unpack,
}

setmetatable(scope, {
  __index = function(_, name)
    if find(LEFT_OUT, " " .. tostring(name) .. " ", 1, true) then
      refuse(name)
    end
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})

-- `("x"):upper()` looks here: methods are the same functions, with the same gaps.
getmetatable("").__index = strings

local function first_result(script)
  local result = call_in_place(script)
  return result
end

return setmetatable({}, { __index = scope, __newindex = read_only }), scope, function(script)
  return pcall(first_result, script)
end
