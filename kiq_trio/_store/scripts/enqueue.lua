#!lua
-- enqueue: put a batch of jobs at the back of a queue, exactly once.
--
--   KEYS[1]  kiq:flush|<lane>   string, begins with the number of the lane's last batch
--   KEYS[2]  queue:<name>       list, newest on the left
--   KEYS[3]  queues             set of names
--   ARGV[1]  the number of this batch
--   ARGV[2]  for how many seconds to remember it
--   ARGV[3]  the queue's name
--   ARGV[4]… payloads, oldest first
--   returns  how many were stored, by this copy or an earlier one; an error that
--            begins with STALE when a later batch of the lane is stored already
--
-- A lane sends one batch at a time and never changes it, so one number tells
-- whether it is here. The number is written last: torn in half, the batch comes
-- twice, never not at all.

local number = tonumber(ARGV[1])
local last = tonumber(string.match(redis.call('GET', KEYS[1]) or '0', '^%d+'))
if number < last then
  return { err = 'STALE batch ' .. ARGV[1] .. ': batch ' .. last .. ' is stored' }
end
if number == last then
  return #ARGV - 3
end
-- A key of a wrong type is to be found before anything is written.
local is_known = redis.call('SISMEMBER', KEYS[3], ARGV[3]) == 1

redis.call('LPUSH', KEYS[2], unpack(ARGV, 4))
if not is_known then
  redis.call('SADD', KEYS[3], ARGV[3])
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return #ARGV - 3
