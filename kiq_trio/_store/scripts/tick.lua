#!lua
-- tick: enqueue the job of one tick of a periodic job, exactly once.
--
--   KEYS[1]  kiq:ticks           hash of names, each with its last tick
--   KEYS[2]  kiq:paused          set of names whose ticks pass without a job
--   KEYS[3]  queue:<name>        list, newest on the left
--   KEYS[4]  queues              set of names
--   KEYS[5]  kiq:unique:<token>  string, the jid that owns the lock; if it is unique
--   ARGV[1]  the name of the periodic job
--   ARGV[2]  the last tick as the caller has read it; empty if there was none
--   ARGV[3]  the tick
--   ARGV[4]  the queue's name; empty to pass the tick over
--   ARGV[5]  the payload
--   ARGV[6]  its jid, if it is unique
--   ARGV[7]  for how many milliseconds it takes the lock
--   returns  enqueued, passed, paused or duplicate, and the tick is the last one
--            now; or late: another one was the last before
--
-- Whoever comes second finds that the last tick is not what he has read. The tick
-- is written last: torn in half, the job comes twice under one jid, never not at all.

if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
  return 'late'
end
local verdict = 'enqueued'
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then
  verdict = 'paused'
elseif ARGV[4] == '' then
  verdict = 'passed'
elseif KEYS[5] then
  local owner = redis.call('GET', KEYS[5])
  if owner and owner ~= ARGV[6] then
    verdict = 'duplicate'
  end
end

if verdict == 'enqueued' then
  -- A key of a wrong type is to be found before anything is written.
  local is_known = redis.call('SISMEMBER', KEYS[4], ARGV[4]) == 1
  redis.call('LPUSH', KEYS[3], ARGV[5])
  if not is_known then
    redis.call('SADD', KEYS[4], ARGV[4])
  end
  if KEYS[5] then
    redis.call('SET', KEYS[5], ARGV[6], 'PX', ARGV[7])
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return verdict
