# A worker of Tasker over Redis Streams, in one file to copy: change SYSTEM and HANDLERS.
#
#     gem install redis
#     REDIS_URL=redis://127.0.0.1:6379 ruby worker.rb
#
# Contract: docs/envelopes.md. A crash between working, answering and acknowledging repeats the work.

require "digest/sha2" # "digest" alone loads it at its first use, which threads must not do at once
require "fileutils"
require "json"
require "redis"
require "securerandom"
require "time"
require "tmpdir"

SYSTEM = "ruby_mail"
PREFIX = ENV.fetch("TASKER_BUS_PREFIX", "tasker.workflows")
COMMANDS, DEAD = "#{PREFIX}.cmd.#{SYSTEM}", "#{PREFIX}.dead.#{SYSTEM}"
CONSUMER = SecureRandom.uuid # two workers of one name would take each other's commands
SLOTS = 8 # commands in hand at once
DELIVERIES_MAX = 10 # what comes more often breaks its workers
LEASE_MS = ENV.fetch("LEASE_MS", "10000").to_i # silent for longer: another worker takes over
BLOCK_MS = 2_000 # the longest wait for a command, and so for the end after SIGTERM
CANCELLED_MAX = 1_000 # ids that are kept: their commands may be taken and not be in hand yet
AWAY = [Redis::BaseError, SystemCallError, IOError].freeze

# The step failed by its contract, for good.
class Refused < StandardError
  attr_reader :code

  def initialize(code, message)
    super(message)
    @code = code
  end
end

# Is set once, and can be waited for.
class Cancellation
  def initialize = @queue = Queue.new
  def set = @queue.close
  def set? = @queue.closed?

  def wait(seconds)
    Timeout.timeout(seconds) { @queue.pop } if seconds.positive?
  rescue Timeout::Error
    nil
  end
end

# Sends a mail. All attempts of a step have one key: do nothing twice under one key.
def send_mail(data, key, cancelled)
  raise Refused.new("address_refused", "That domain takes no mail") if data["to"].end_with?(".invalid")
  cancelled.wait(ENV.fetch("WORK_MS", "0").to_f / 1000)
  FileUtils.touch(File.join(ENV.fetch("LEDGER", Dir.tmpdir), key))
  { mail_id: Digest::SHA256.hexdigest(key)[0, 16] }
end

HANDLERS = { "mail.send" => method(:send_mail) }.freeze
$stopping = false
$away = {} # since when the broker does not answer; empty: it does
$in_hand = {} # id of the entry => [command, cancellation]
$cancelled_ids = []
$cancelling = Mutex.new

def log(text)
  warn "#{SYSTEM}: #{text}"
end

# Returns the command that a body is, or nil when nobody can use it.
def parse(body)
  command = JSON.parse(body)
  needed = %w[id type] + (command.key?("taskerreplytoken") ? %w[subject taskerreplyto] : [])
  lifetime(command)
  command if needed.all? { |name| command[name].is_a?(String) }
rescue StandardError
  nil
end

# How many seconds it was wanted when it was sent. Both times are the engine's: ours may be wrong.
def lifetime(command)
  return Float::INFINITY unless command.key?("expirytime")
  Time.iso8601(command["expirytime"]) - Time.iso8601(command["time"])
end

# Made again it has the same id, so that a repeat is known as one.
def reply(command, kind, data)
  copied = command.slice("subject", "correlationid", "traceparent", "taskerattempt", "taskerreplytoken")
  { specversion: "1.0", id: "#{command["id"]}:#{kind}", source: "/#{SYSTEM}", type: "tasker.step.#{kind}",
    time: Time.now.utc.iso8601(3), causationid: command["id"], datacontenttype: "application/json",
    **copied.transform_keys(&:to_sym), data: data }
end

def failed(command, code, message, retryable: false)
  reply(command, "failed", { error_code: code, error_message: message, retryable: retryable })
end

# Does what a command asks; returns the reply, or nil when nobody waits for one.
def answer(command, deliveries, waited, cancelled)
  if command["type"] == "tasker.step.cancelled"
    $cancelling.synchronize { $cancelled_ids = [*$cancelled_ids, command["causationid"]].last(CANCELLED_MAX) }
    $in_hand.values.each { |other, cancel| cancel.set if other && other["id"] == command["causationid"] }
  end
  return log("#{command["id"]} (#{command["type"]}) is a notice") unless command.key?("taskerreplytoken")
  return log("#{command["id"]} is dropped: it was cancelled") if cancelled.set?
  return log("#{command["id"]} is dropped: #{command["expirytime"]} is over") if waited >= lifetime(command)
  return failed(command, "redelivery_exhausted", "Taken #{deliveries} times in vain") if deliveries > DELIVERIES_MAX
  handler = HANDLERS[command["type"]]
  return failed(command, "unknown_type", "Type \"#{command["type"]}\" is not known here") unless handler
  result = handler.call(command["data"], command["subject"], cancelled)
  cancelled.set? ? nil : reply(command, "completed", result)
rescue Refused => error
  failed(command, error.code, error.message)
rescue StandardError => error
  failed(command, "unexpected", error.message, retryable: true)
end

def connect
  options = { url: ENV.fetch("REDIS_URL", "redis://127.0.0.1:6379"), timeout: 3, reconnect_attempts: 0 }
  Redis.new(**options, read_timeout: BLOCK_MS / 1000 + 3) # or a frozen broker holds us up
end

# Takes a command that nobody was heard of for a lease, else waits for a new one.
def take(redis, cursor)
  claimed = redis.xautoclaim(COMMANDS, SYSTEM, CONSUMER, LEASE_MS, cursor, count: 1)
  entries = claimed["entries"]
  if entries.empty?
    read = redis.xreadgroup(SYSTEM, CONSUMER, COMMANDS, ">", count: 1, block: BLOCK_MS)
    entries = read.fetch(COMMANDS, [])
  end
  [claimed["next"], entries.reject { |id, fields| fields.nil? || $in_hand.key?(id) }]
end

# Works; returns what is to be published, if anything, before the entry is acknowledged.
def handle(redis, id, fields)
  body = fields["ce"]&.dup&.force_encoding("UTF-8")&.scrub("?") || fields.to_s
  command, cancelled = $in_hand[id] = [parse(body), Cancellation.new]
  cancelled.set if command && $cancelling.synchronize { $cancelled_ids.include?(command["id"]) }
  unless command
    data = { channel: COMMANDS, body: body[0, 8192] }
    return [DEAD, { specversion: "1.0", id: "#{id}:dead", source: "/#{SYSTEM}", type: "tasker.envelope.dead", data: data }]
  end
  pending = redis.xpending(COMMANDS, SYSTEM, id, id, 1).first
  seconds, microseconds = redis.time # Redis's clock made the id, too
  waited = seconds + microseconds / 1e6 - id.split("-")[0].to_f / 1000
  [command["taskerreplyto"], answer(command, pending ? pending["count"] : 1, waited, cancelled)]
end

# Answers, and only then acknowledges.
def settle(redis, id, channel, envelope)
  redis.xadd(channel, { ce: JSON.generate(envelope) }) if envelope
  redis.multi { |both| both.xack(COMMANDS, SYSTEM, id) && both.xdel(COMMANDS, id) }
end

# Makes the group, from the first command on, also when somebody deleted it.
def make_group(redis)
  redis.xgroup(:create, COMMANDS, SYSTEM, "0", mkstream: true)
rescue Redis::CommandError => error
  raise unless error.message.start_with?("BUSYGROUP")
end

# One slot, with a connection of its own: a read that waits would hold up all others.
def work
  redis, cursor, held = nil, "0-0", nil # held: what is worked off, and not acknowledged yet
  until $stopping && held.nil?
    begin
      make_group(redis = connect) if redis.nil?
      cursor, entries = take(redis, cursor) if held.nil?
      entries&.each { |id, fields| held = [id, *handle(redis, id, fields)] }
      settle(redis, *held) if held
      $in_hand.delete(held&.first)
      entries = held = nil
      $away = {}
    rescue *AWAY => error
      $in_hand.delete(entries&.dig(0, 0)) if held.nil?
      redis&.close
      entries = redis = nil
      break if $stopping # another worker takes it, when its lease ends
      rest(error)
    end
  end
end

# Waits, longer the longer the broker is away; says so at first, and then every 30 s.
def rest(error)
  now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  since = $away[:since] ||= now
  if now >= ($away[:silent_until] || now)
    $away[:silent_until] = now + 30
    log("rests: #{error.message}")
  end
  sleep(rand(0.5..1.5) * [1 + (now - since) / 10, 5].min)
end

# Takes what is in hand again, and again, so that no other worker does.
def keep_leases
  redis = connect
  loop do
    sleep(LEASE_MS / 3000.0)
    ids = $in_hand.keys
    redis.xclaim(COMMANDS, SYSTEM, CONSUMER, 0, ids, justid: true) unless ids.empty?
  rescue *AWAY => error
    log("cannot keep what is in hand: #{error.message}")
  end
end

%w[TERM INT].each { |signal| trap(signal) { $stopping = true } }
$stderr.sync = true
Thread.new { keep_leases }
slots = Array.new(SLOTS) { Thread.new { work } }
log("takes commands")
slots.each(&:join) # after SIGTERM, until what is in hand is answered
begin
  redis = connect
  left = redis.xpending(COMMANDS, SYSTEM, "-", "+", 1, CONSUMER)
  redis.xgroup(:delconsumer, COMMANDS, SYSTEM, CONSUMER) if left.empty? # never one with commands
rescue *AWAY => error
  log("left without a word: #{error.message}")
end
