#!lua flags=allow-oom
-- lead: take the lead if it is free, or keep it.
--
--   KEYS[1]  kiq:leader   id of who holds the lead, until it expires
--   KEYS[2]  kiq:term     grows whenever the lead changes hands
--   ARGV[1]  the id
--   ARGV[2]  for how many milliseconds the lead lasts
--   ARGV[3]  the highest term that the caller has heard of; 0 for none
--   returns  the id of who holds the lead now, and its term
--
-- A Redis that has lost its data, or came back with older data, has forgotten terms
-- that were in use: the callers remember them, so that no term is given twice.
-- A late copy may take a lead that nobody wants; it expires.

local holder = redis.call('GET', KEYS[1])
local term = tonumber(redis.call('GET', KEYS[2]) or 0)
local known = tonumber(ARGV[3])
if holder and holder ~= ARGV[1] then
  return {holder, term}
end
if holder and term >= known then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {holder, term}
end
term = math.max(term, known) + 1
redis.call('SET', KEYS[2], string.format('%.0f', term))
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {ARGV[1], term}
