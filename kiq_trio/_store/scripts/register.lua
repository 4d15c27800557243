#!lua flags=allow-oom
-- register: join under a fresh id; only who is registered may hold jobs.
--
--   KEYS[1]  kiq:processes        hash, id to beat counter
--   KEYS[2]  kiq:backups          set of ids whose backup may exist
--   KEYS[3]  kiq:registrations    grows with every decision made here
--   ARGV[1]  the id
--   ARGV[2]  what kiq:registrations said before this call; 0 when it was missing
--   ARGV[3]  what to add to it: 1, or, when it was missing, a start of chance
--   returns  more than 0: registered, and the number of this registration;
--            0: the id is taken, choose another;
--            -1: somebody else registered meanwhile, read the counter again
--
-- Each call is decided at most once, for as long as Redis keeps its data: the
-- counter grows with every decision, so a late copy is refused even when the process
-- has left without a trace. Were it not, late copies of its fetch and acknowledgement
-- could follow, and delete a job that nobody has run.
--
-- The start is one of chance so that a Redis that has lost its data cannot come
-- near the numbers it gave out before: by its number a process knows whether it was
-- buried or forgotten (see beat).

if (redis.call('GET', KEYS[3]) or '0') ~= ARGV[2] then
  return -1
end
local is_taken = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
  or redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1

local number = redis.call('INCRBY', KEYS[3], ARGV[3])
if is_taken then
  return 0
end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], 1)
return number
