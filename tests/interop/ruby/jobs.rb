# frozen_string_literal: true

# The jobs that Sidekiq runs in these tests; workers.py holds their counterparts.
#
# Every run is written to a file that both languages append to, in the lines that
# tests/faults/effects.py reads.

require "sidekiq"
require "sidekiq/processor"

# Its own calls of the redis gem are deprecated.
Redis.silence_deprecations = true
Sidekiq.strict_args!(:raise)
Sidekiq.options[:poll_interval_average] = 0.2

if defined?(Sidekiq::Launcher)
  # Every five seconds is too seldom for tests; all else is as it comes.
  Sidekiq::Launcher.send(:remove_const, :BEAT_PAUSE)
  Sidekiq::Launcher.const_set(:BEAT_PAUSE, 0.3)
end

# What the runs of this process did to the world.
module Effects
  FILE = File.open(ENV.fetch("INTEROP_EFFECTS"), "a")
  RUNS = Sidekiq::Processor::Counter.new

  def self.begin(jid)
    run = "#{Process.pid}.#{RUNS.incr}"
    write(jid, run, "begin")
    run
  end

  def self.end(jid, run)
    write(jid, run, "end")
  end

  # One write, so that a process that is killed leaves a line or none.
  def self.write(jid, run, what)
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    FILE.syswrite(format("%s %s %s %.6f\n", jid, run, what, now))
  end
end

# Does what it is given, within one run that is written down.
module Noted
  def self.included(job)
    job.include(Sidekiq::Worker)
    job.sidekiq_options(queue: "ruby")
    # Sidekiq adds up to nine seconds by chance.
    job.sidekiq_retry_in { 1 }
  end

  def noted
    run = Effects.begin(jid)
    yield
    Effects.end(jid, run)
  end
end

class Succeed
  include Noted

  def perform(*)
    noted {}
  end
end

class Nap
  include Noted

  def perform(seconds)
    noted { sleep(seconds) }
  end
end

# Fails on the side that it names, and is finished by the other one.
class Handover
  include Noted

  def perform(side)
    noted { raise ArgumentError, "not in ruby: é <b>" if side == "ruby" }
  end
end

class Doomed
  include Noted

  def perform(*)
    noted { raise "doomed" }
  end
end

# Fails now and then; a run that fails has not begun, for the auditor.
class Flaky
  include Noted

  def perform(seconds)
    sleep(seconds)
    raise "flaky" if rand < 0.25

    noted {}
  end
end

# What Rails would put around the jobs of Active Job; there is no Rails here.
module ActiveJob
  module QueueAdapters
    class SidekiqAdapter
      class JobWrapper
        include Noted

        def perform(job_data)
          noted { job_data.fetch("arguments") }
        end
      end
    end
  end
end
