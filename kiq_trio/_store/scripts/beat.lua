#!lua flags=allow-oom
-- beat: say that a process is alive, or learn that it is counted among the dead.
--
--   KEYS[1]  kiq:processes        hash, id to beat counter
--   KEYS[2]  kiq:registrations    grows with every registration
--   ARGV[1]  the id
--   returns  the beat counter, 2 or more; when the id is gone, what
--            kiq:registrations says, negated: 0 when it is missing
--
-- Never brings an id back: who was buried has lost its jobs to others. Whether it
-- was, or Redis has lost its data, the number of its registration tells. How many
-- are registered does not: the first to join again would hide it from all others.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
end
return -tonumber(redis.call('GET', KEYS[2]) or 0)
