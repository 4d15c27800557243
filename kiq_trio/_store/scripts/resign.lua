#!lua flags=allow-oom
-- resign: give the lead up before it expires.
--
--   KEYS[1]  kiq:leader   id of who holds the lead, until it expires
--   KEYS[2]  kiq:term     grows whenever the lead changes hands
--   ARGV[1]  the id
--   ARGV[2]  the term to give up
--   returns  1: the lead is free; 0: it was not ours, or under another term
--
-- By term, so that a late copy does not end a lead that was taken since.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[1])
return 1
