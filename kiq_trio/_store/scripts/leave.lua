#!lua flags=allow-oom
-- leave: stop being a process; what it still holds becomes a grave.
--
--   KEYS[1]  kiq:processes     hash, id to beat counter
--   KEYS[2]  kiq:backups       set of ids whose backup may exist
--   KEYS[3]  kiq:graves        set of ids that wait to be drained
--   KEYS[4]  kiq:backup|<id>   hash, the jobs it holds
--   KEYS[5]  kiq:calls|<id>    hash, the numbers of its fetches
--   ARGV[1]  the id
--   returns  1: nothing is left behind; 0: a grave is
--
-- The id stays in kiq:backups for as long as its backup holds anything: it goes
-- last, so that whatever happens in between, somebody finds the rest.

if redis.call('HLEN', KEYS[4]) > 0 then
  redis.call('SADD', KEYS[3], ARGV[1])
  redis.call('HDEL', KEYS[1], ARGV[1])
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[5])
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('SREM', KEYS[2], ARGV[1])
return 1
