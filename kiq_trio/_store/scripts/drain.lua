#!lua flags=allow-oom
-- drain: give the jobs in a grave back to the front of their queues.
--
--   KEYS[1]  kiq:processes     hash, id to beat counter
--   KEYS[2]  kiq:graves        set of ids that wait to be drained
--   KEYS[3]  kiq:backups       set of ids whose backup may exist
--   KEYS[4]  kiq:backup|<id>   hash, delivery id to queue, newline, payload
--   KEYS[5]  kiq:calls|<id>    hash, the numbers of its fetches
--   KEYS[6]  queues            set of names
--   KEYS[7]  dead              sorted set by the time of death
--   KEYS[8]… queue:<name> or kiq:unique:<token>   lists, newest on the left, and
--              strings, the jid that owns the lock
--   ARGV[1]  the id
--   ARGV[2]  the time of death, for what goes to the dead set
--   ARGV[3]  how many dead jobs to keep
--   ARGV[4]  for how many seconds to keep them
--   ARGV[5]… per job, oldest first: its delivery id, what the backup holds, and
--              the queue's name, its place in KEYS, the new payload  |
--              the empty name, 7, the new payload: to the dead set;
--            and the place of its lock in KEYS, 0 for none, and the lock's owner
--   returns  1: the grave is empty and closed; 0: it holds more;
--            -1: refused, the id is registered
--
-- Only what still is as it was read is moved, so any number of rescuers may
-- drain one grave. The id is forgotten last, when nothing can be left.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  return -1
end
local fronts, buried, unknown, moved, freed = {}, {}, {}, {}, {}

local function requeue(name, place, payload)
  if not fronts[place] then
    fronts[place] = {}
    redis.call('LLEN', KEYS[place])
    if redis.call('SISMEMBER', KEYS[6], name) == 0 then
      unknown[#unknown + 1] = name
    end
  end
  table.insert(fronts[place], 1, payload)
end

local function free(place, owner)
  if place > 0 and redis.call('GET', KEYS[place]) == owner then
    freed[#freed + 1] = place
  end
end

for n = 5, #ARGV, 7 do
  if redis.call('HGET', KEYS[4], ARGV[n]) == ARGV[n + 1] then
    if ARGV[n + 2] == '' then
      table.insert(buried, ARGV[2])
      table.insert(buried, ARGV[n + 4])
      free(tonumber(ARGV[n + 5]), ARGV[n + 6])
    else
      requeue(ARGV[n + 2], tonumber(ARGV[n + 3]), ARGV[n + 4])
    end
    moved[#moved + 1] = ARGV[n]
  end
end
if #buried > 0 then
  redis.call('ZCARD', KEYS[7])
end

for place, payloads in pairs(fronts) do
  redis.call('RPUSH', KEYS[place], unpack(payloads))
end
if #unknown > 0 then
  redis.call('SADD', KEYS[6], unpack(unknown))
end
if #buried > 0 then
  redis.call('ZADD', KEYS[7], unpack(buried))
end
if #moved > 0 then
  redis.call('HDEL', KEYS[4], unpack(moved))
end
for _, place in ipairs(freed) do
  redis.call('DEL', KEYS[place])
end
if #buried > 0 then
  local too_old = redis.call('TIME')[1] - ARGV[4]
  redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', too_old)
  redis.call('ZREMRANGEBYRANK', KEYS[7], 0, -ARGV[3] - 1)
end

if redis.call('HLEN', KEYS[4]) > 0 then
  return 0
end
redis.call('DEL', KEYS[5])
redis.call('SREM', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
return 1
