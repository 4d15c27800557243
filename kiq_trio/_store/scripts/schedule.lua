#!lua
-- schedule: put a batch of jobs into a sorted set, exactly once.
--
--   KEYS[1]  kiq:flush|<lane>            string, begins with the number of the lane's
--                                          last batch
--   KEYS[2]  schedule or retry or dead   sorted set by time
--   ARGV[1]  the number of this batch
--   ARGV[2]  for how many seconds to remember it
--   ARGV[3]… score, payload; score, payload; …
--   returns  how many were stored, by this copy or an earlier one; an error that
--            begins with STALE when a later batch of the lane is stored already
--
-- As enqueue.lua: the number is written last.

local number = tonumber(ARGV[1])
local last = tonumber(string.match(redis.call('GET', KEYS[1]) or '0', '^%d+'))
if number < last then
  return { err = 'STALE batch ' .. ARGV[1] .. ': batch ' .. last .. ' is stored' }
end
if number == last then
  return (#ARGV - 2) / 2
end

redis.call('ZADD', KEYS[2], unpack(ARGV, 3))
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return (#ARGV - 2) / 2
