#!lua flags=allow-oom
-- delete_queue: forget the name of an empty queue.
--
--   KEYS[1]  queue:<name>   list
--   KEYS[2]  queues         set of names
--   ARGV[1]  the name
--   returns  1: forgotten; 0: it holds jobs
--
-- A job that came meanwhile must not be in a queue that nobody sees.

if redis.call('LLEN', KEYS[1]) > 0 then
  return 0
end
redis.call('SREM', KEYS[2], ARGV[1])
return 1
