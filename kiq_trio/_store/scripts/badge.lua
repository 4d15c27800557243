#!lua flags=allow-oom
-- badge: show in Sidekiq's UI who leads, if nobody else is shown.
--
--   KEYS[1]  dear-leader   string, the identity of the leader, expires
--   ARGV[1]  our identity
--   ARGV[2]  for how many milliseconds
--   returns  1: we are shown; 0: somebody else is, and stays
--
-- Sidekiq Enterprise elects its leader by this key. What is its, is left alone.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
