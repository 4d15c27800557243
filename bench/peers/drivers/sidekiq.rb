# Sidekiq; what it is told, and what it prints, is what `__main__.py` says.

require_relative "gauge"
require "sidekiq/cli"

part, url, warmup, count, concurrency, path, seconds = ARGV
load = Load.new(url, *[warmup, count, concurrency].map(&:to_i))
ENV["REDIS_URL"] = url
Sidekiq.logger.level = Logger::WARN
# It would warn of two calls for each job: Debian has a client newer than this Sidekiq.
Redis.silence_deprecations = true

def work(load, task)
  Noop.task = task
  cli = Sidekiq::CLI.instance
  cli.parse(["-r", File.expand_path("gauge.rb", __dir__), "-c", load.concurrency.to_s])
  cli.run
end

case part
when "singly"
  Gauge.new(load).batches(1) { |(n)| Noop.perform_async(n) }
when "bulk"
  Gauge.new(load).batches(BATCH) { |numbers| Noop.perform_bulk(numbers.map { |n| [n] }) }
when "drain"
  work(load, Gauge.new(load))
else
  work(load, Held.new(path, seconds.to_f))
end
