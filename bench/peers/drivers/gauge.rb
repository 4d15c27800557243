# What `gauge.py` does, for drivers in Ruby; and the job, for the worker loads this file.

require "json"
require "socket"
require "uri"
require "sidekiq"

BATCH = 1_000
Load = Struct.new(:url, :warmup, :count, :concurrency) do
  def total = warmup + count
end

# What was spent until one moment: time here; time, reads and commands in Redis.
Reading = Struct.new(:seconds, :cpu, :redis_cpu, :trips, :commands) do
  def self.take(url)
    info = ask(url).scan(/^(\w+):(.*?)\r?$/).to_h
    redis_cpu = info["used_cpu_user"].to_f + info["used_cpu_sys"].to_f
    clocks = [Process::CLOCK_MONOTONIC, Process::CLOCK_PROCESS_CPUTIME_ID]
    counts = %w[total_reads_processed total_commands_processed].map { |key| info[key].to_i }
    new(*clocks.map { |clock| Process.clock_gettime(clock) }, redis_cpu, *counts)
  end

  def self.ask(url)
    place = URI(url)
    TCPSocket.open(place.host, place.port || 6379) do |line|
      line.write("INFO\r\n")
      line.read(line.gets[1..].to_i)
    end
  end

  # The last two without the command that asked.
  def since(before)
    spent = members.zip(to_a.zip(before.to_a).map { |after, first| after - first }).to_h
    spent.merge(trips: spent[:trips] - 1, commands: spent[:commands] - 1)
  end
end

# Counts the jobs, reads the clocks, and says what it found.
class Gauge
  def initialize(load)
    @load, @done, @lock = load, 0, Mutex.new
  end

  def batches(size)
    (0...@load.warmup).each_slice(size) { |batch| yield batch }
    @began = Reading.take(@load.url)
    (@load.warmup...@load.total).each_slice(size) { |batch| yield batch }
    report
  end

  def job
    done = @lock.synchronize { @done += 1 }
    @began = Reading.take(@load.url) if done == @load.warmup
    leave if done == @load.total
    0
  end

  def leave
    report
    exit!(0)
  end

  def report
    found = Reading.take(@load.url).since(@began).merge(count: @load.count)
    $stdout.write("\n#{found.to_json}\n")
    $stdout.flush
  end
end

# Jobs that write down who runs them, and then sleep.
Held = Struct.new(:path, :seconds) do
  def job
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    File.write(path, "#{Process.pid} #{now}\n", mode: "a")
    seconds
  end
end

# The job.
class Noop
  include Sidekiq::Worker
  singleton_class.attr_accessor :task

  def perform(_)
    pause = self.class.task.job
    sleep(pause) if pause.positive?
  end
end
