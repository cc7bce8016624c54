-- Removes a namespace: all that is stored of it. A replica that goes on with it gives its policy back.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  hash, the namespace's policies
-- KEYS[3]  stream, the namespace's audit trail
-- KEYS[4]  hash, the namespace's books
-- KEYS[5]  hash, the namespace's API keys
-- KEYS[6]  stream, what the audit trail tells of calls
-- ARGV[1]  msgpack array, empty
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace
-- ERRORS   none
-- WRITES   deletes the keys
-- COST     DEL: half a second for a million fields, in which the server does nothing else

local removed = redis.call("DEL", KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
return cmsgpack.pack({removed > 0 and OK or LOST})
