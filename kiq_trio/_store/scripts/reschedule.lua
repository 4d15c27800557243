#!lua flags=allow-oom
-- reschedule: give a job of a sorted set another time.
--
--   KEYS[1]  schedule or retry or dead   sorted set by time
--   ARGV[1]  the member
--   ARGV[2]  the score it was read with
--   ARGV[3]  the score it shall have
--   returns  1 if it has that now, or had it before; 0 if it is gone, or has another
--
-- A member that is not there is not added: whoever took it has it. A call that comes
-- twice finds nothing to do.

local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or nil)
if score == tonumber(ARGV[3]) then
  return 1
end
if score ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], 'XX', ARGV[3], ARGV[1])
return 1
