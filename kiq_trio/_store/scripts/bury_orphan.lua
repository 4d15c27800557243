#!lua flags=allow-oom
-- bury_orphan: give a grave to an id that has a backup and nobody to own it.
--
--   KEYS[1]  kiq:processes   hash, id to beat counter
--   KEYS[2]  kiq:backups     set of ids whose backup may exist
--   KEYS[3]  kiq:graves      set of ids that wait to be drained
--   ARGV[1]  the id
--   returns  1: it has a grave now; 0: it needed none
--
-- Only a hand in Redis, or a script that Redis died in, makes such an id.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
  or redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then
  return 0
end
return redis.call('SADD', KEYS[3], ARGV[1])
