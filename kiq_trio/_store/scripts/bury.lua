#!lua flags=allow-oom
-- bury: declare a process dead whose counter stands still.
--
--   KEYS[1]  kiq:processes   hash, id to beat counter
--   KEYS[2]  kiq:graves      set of ids that wait to be drained
--   ARGV[1]  the id
--   ARGV[2]  the counter that has not moved
--   returns  1: buried; 0: it has moved after all, or is gone already
--
-- A single beat in between defeats it. The grave is written first, so there is
-- no moment at which nobody would look after the jobs.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
