#!lua flags=allow-oom
-- order: tell all processes what somebody wants of them.
--
--   KEYS[1]  kiq:orders   stream of orders
--   ARGV[1]  how many orders to keep, about
--   ARGV[2]  for how many seconds to keep them after the last one
--   ARGV[3]… names and values of the order
--   returns  the id of the order
--
-- An order may come twice: it asks for a state, such as that a job does not run. So
-- it may even when Redis is full, for it is small and there are never many.

local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return id
