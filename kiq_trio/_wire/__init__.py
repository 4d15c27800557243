"""How we speak to Redis: connections, replies, outages, and servers of our own."""
