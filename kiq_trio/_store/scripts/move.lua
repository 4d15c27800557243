#!lua flags=allow-oom
-- move: move jobs from a sorted set to their queues or to the dead set, or delete them.
--
--   KEYS[1]  schedule or retry or dead   sorted set by time
--   KEYS[2]  dead                        sorted set by the time of death
--   KEYS[3]  queues                      set of names
--   KEYS[4]… queue:<name> or kiq:unique:<token>   lists, newest on the left; locks
--   ARGV[1]  due: only jobs that are due by this server's clock; any: all
--   ARGV[2]… per job, earliest first: the member, the score it was read with, then
--              the queue's name, its place in KEYS, the new payload  |
--              the empty name, 2, the new payload: to the dead set   |
--              the empty name, 0, nothing: away,
--            then the place of its lock in KEYS, or 0, and the lock's owner
--   returns  how many were moved
--
-- Only a member that still has its score is moved: a repeated or late call finds
-- nothing to do. Any number of processes may move at once. A lock goes with its
-- job, if the job still owns it.

local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local latest = ARGV[1] == 'due' and now or math.huge
local backs, buried, unknown, locks, moved = {}, {}, {}, {}, {}

local function queue(name, place, payload)
  if not backs[place] then
    backs[place] = {}
    redis.call('LLEN', KEYS[place])
    if redis.call('SISMEMBER', KEYS[3], name) == 0 then
      unknown[#unknown + 1] = name
    end
  end
  table.insert(backs[place], payload)
end

local function bury(payload)
  table.insert(buried, now)
  table.insert(buried, payload)
end

for n = 2, #ARGV, 7 do
  local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[n]) or nil)
  if score == tonumber(ARGV[n + 1]) and score <= latest then
    local place, lock = tonumber(ARGV[n + 3]), tonumber(ARGV[n + 5])
    if ARGV[n + 2] ~= '' then
      queue(ARGV[n + 2], place, ARGV[n + 4])
    elseif place == 2 then
      bury(ARGV[n + 4])
    end
    if lock > 0 and redis.call('GET', KEYS[lock]) == ARGV[n + 6] then
      locks[#locks + 1] = lock
    end
    moved[#moved + 1] = ARGV[n]
  end
end
if #moved == 0 then
  return 0
end
if #buried > 0 then
  redis.call('ZCARD', KEYS[2])
end

for place, payloads in pairs(backs) do
  redis.call('LPUSH', KEYS[place], unpack(payloads))
end
if #unknown > 0 then
  redis.call('SADD', KEYS[3], unpack(unknown))
end
if #buried > 0 then
  redis.call('ZADD', KEYS[2], unpack(buried))
end
for _, lock in ipairs(locks) do
  redis.call('DEL', KEYS[lock])
end
redis.call('ZREM', KEYS[1], unpack(moved))
return #moved
