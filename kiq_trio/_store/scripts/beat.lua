#!lua flags=allow-oom
-- beat: say that a process is alive, or learn that it is counted among the dead.
--
--   KEYS[1]  kiq:processes   hash, id to beat counter
--   ARGV[1]  the id
--   returns  the counter, 2 or more; 0: gone, and nobody else is registered;
--            -1: gone, while others are registered
--
-- Never brings an id back: who was buried has lost its jobs to others.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
end
if redis.call('HLEN', KEYS[1]) == 0 then
  return 0
end
return -1
