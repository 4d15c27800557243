#!lua flags=allow-oom
-- suspect: name the job that is to blame if the process dies now.
--
--   KEYS[1]  kiq:processes     hash, id to beat counter
--   KEYS[2]  kiq:backup|<id>   hash, delivery id to queue, newline, payload
--   KEYS[3]  kiq:calls|<id>    hash, the numbers of its fetches, by queue; no name of
--              one has a newline: so begins what is suspected, and its number
--   ARGV[1]  the id
--   ARGV[2]  the delivery id
--   ARGV[3]  the number of this call; the next one is higher
--   returns  1: named, it may begin; 0: it is not this process's, or no longer
--
-- Whoever is registered is in no grave yet, so nobody reads the name before it is
-- certain; and it goes with the calls, when nothing is left of the process.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 0 then
  return 0
end
local last = redis.call('HGET', KEYS[3], '\nnumber')
if tonumber(ARGV[3]) < tonumber(last or 0) then
  return 0
end
redis.call('HSET', KEYS[3], '\nsuspect', ARGV[2], '\nnumber', ARGV[3])
return 1
