/*
 * A worker of Tasker over Redis Streams, in one file to copy: change SYSTEM and HANDLERS.
 *
 *     mvn dependency:copy-dependencies -DoutputDirectory=lib
 *     REDIS_URL=redis://127.0.0.1:6379 java -cp 'lib/*' Worker.java
 *
 * Contract: docs/envelopes.md. A crash between working, answering and acknowledging repeats the work.
 */

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.*;
import redis.clients.jedis.resps.StreamEntry;
import redis.clients.jedis.util.JedisURIHelper;

public class Worker {
  static final String SYSTEM = "java_invoices";
  static final String PREFIX = env("TASKER_BUS_PREFIX", "tasker.workflows");
  static final String COMMANDS = PREFIX + ".cmd." + SYSTEM, DEAD = PREFIX + ".dead." + SYSTEM;
  static final String CONSUMER = UUID.randomUUID().toString(); // two of one name would share commands
  static final int SLOTS = 8; // commands in hand at once
  static final int DELIVERIES_MAX = 10; // what comes more often breaks its workers
  static final long LEASE_MS = Long.parseLong(env("LEASE_MS", "10000")); // silent for longer: another takes over
  static final int BLOCK_MS = 2_000; // the longest wait for a command, and so for the end after SIGTERM

  static final int CANCELLED_MAX = 1_000; // ids that are kept: their commands may be taken and not be in hand yet

  /** The step failed by its contract, for good. */
  static class Refused extends Exception {
    final String code;

    Refused(String code, String message) {
      super(message);
      this.code = code;
    }
  }

  /** Works on the data of a command, under a key, until it is done or `cancelled` is counted down. */
  interface Handler {
    Object handle(JsonElement data, String key, CountDownLatch cancelled) throws Exception;
  }

  record Taken(JsonObject command, CountDownLatch cancelled) {}

  static final Map<String, Handler> HANDLERS = Map.of("invoice.write", Worker::writeInvoice);
  static final Map<StreamEntryID, Taken> IN_HAND = new ConcurrentHashMap<>();
  static final Set<String> CANCELLED = Collections.synchronizedSet(new LinkedHashSet<>());
  static final CountDownLatch STOPPING = new CountDownLatch(1);
  static final Gson GSON = new GsonBuilder().setStrictness(Strictness.STRICT).create();
  static JedisPooled broker;
  static Long awaySince; // when the broker ceased to answer, in ms; null: it answers
  static long silentUntil;

  /** Writes an invoice. All attempts of a step have one key: do nothing twice under one key. */
  static Object writeInvoice(JsonElement data, String key, CountDownLatch cancelled) throws Exception {
    if (data.getAsJsonObject().get("amount_cents").getAsLong() > 1_000_000) {
      throw new Refused("too_much", "No invoice is that high");
    }
    cancelled.await(Long.parseLong(env("WORK_MS", "0")), TimeUnit.MILLISECONDS);
    Files.writeString(Path.of(env("LEDGER", System.getProperty("java.io.tmpdir")), key), "");
    return Map.of("invoice_id", "I-" + key);
  }

  static String env(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }

  static void log(String text) {
    System.err.println(SYSTEM + ": " + text);
  }

  /** Returns the command that a body is, or null when nobody can use it. */
  static JsonObject parse(String body) {
    try {
      var command = GSON.fromJson(body, JsonObject.class);
      var needed = new ArrayList<>(List.of("id", "type"));
      if (command.has("taskerreplytoken")) needed.addAll(List.of("subject", "taskerreplyto"));
      for (var name : needed) {
        if (!command.getAsJsonPrimitive(name).isString()) return null;
      }
      lifetime(command);
      return command;
    } catch (JsonParseException | NullPointerException | ClassCastException | DateTimeException e) {
      return null;
    }
  }

  /** How long it was wanted when it was sent. Both times are the engine's: our clock may be wrong. */
  static Duration lifetime(JsonObject command) {
    if (!command.has("expirytime")) return Duration.ofDays(36_500);
    var sent = OffsetDateTime.parse(text(command, "time"));
    return Duration.between(sent, OffsetDateTime.parse(text(command, "expirytime")));
  }

  static String text(JsonObject command, String name) {
    return command.get(name).getAsString();
  }

  /** Made again it has the same id, so that a repeat is known as one. */
  static JsonObject reply(JsonObject command, String kind, Object data) {
    var made = envelope(text(command, "id") + ":" + kind, "tasker.step." + kind, data);
    made.addProperty("time", Instant.now().toString());
    made.add("causationid", command.get("id"));
    for (var name : List.of("subject", "correlationid", "traceparent", "taskerattempt", "taskerreplytoken")) {
      if (command.has(name)) made.add(name, command.get(name));
    }
    return made;
  }

  static JsonObject envelope(String id, String type, Object data) {
    var made = new JsonObject();
    made.addProperty("specversion", "1.0");
    made.addProperty("id", id);
    made.addProperty("source", "/" + SYSTEM);
    made.addProperty("type", type);
    made.addProperty("datacontenttype", "application/json");
    made.add("data", GSON.toJsonTree(data));
    return made;
  }

  static JsonObject failed(JsonObject command, String code, String message, boolean retryable) {
    return reply(command, "failed",
        Map.of("error_code", code, "error_message", String.valueOf(message), "retryable", retryable));
  }

  /** Does what a command asks; returns the reply, or null when nobody waits for one. */
  static JsonObject answer(JsonObject command, long deliveries, Duration waited, CountDownLatch cancelled) {
    var type = text(command, "type");
    if (type.equals("tasker.step.cancelled")) {
      noteCancelled(command.get("causationid"));
      for (var other : IN_HAND.values()) {
        var isMeant = other.command() != null && other.command().get("id").equals(command.get("causationid"));
        if (isMeant) other.cancelled().countDown();
      }
    }
    if (!command.has("taskerreplytoken")) {
      log(text(command, "id") + " (" + type + ") is a notice, and gets no answer");
      return null;
    }
    if (cancelled.getCount() == 0) {
      log(text(command, "id") + " is dropped: it was cancelled");
      return null;
    }
    if (waited.compareTo(lifetime(command)) >= 0) {
      log(text(command, "id") + " is dropped: it expired at " + text(command, "expirytime"));
      return null;
    }
    if (deliveries > DELIVERIES_MAX) {
      return failed(command, "redelivery_exhausted", "Taken " + deliveries + " times in vain", false);
    }
    var handler = HANDLERS.get(type);
    if (handler == null) return failed(command, "unknown_type", "Type \"" + type + "\" is not known here", false);
    try {
      var result = handler.handle(command.get("data"), text(command, "subject"), cancelled);
      return cancelled.getCount() == 0 ? null : reply(command, "completed", result);
    } catch (Refused refused) {
      return failed(command, refused.code, refused.getMessage(), false);
    } catch (Exception error) {
      return failed(command, "unexpected", error.toString(), true);
    }
  }

  static void noteCancelled(JsonElement id) {
    synchronized (CANCELLED) {
      CANCELLED.add(String.valueOf(id));
      if (CANCELLED.size() > CANCELLED_MAX) CANCELLED.remove(CANCELLED.iterator().next());
    }
  }

  /** Takes a command that nobody was heard of for a lease, else waits for a new one. */
  static StreamEntryID take(StreamEntryID cursor) throws InterruptedException {
    var claimed = broker.xautoclaim(COMMANDS, SYSTEM, CONSUMER, LEASE_MS, cursor, new XAutoClaimParams().count(1));
    var entries = claimed.getValue();
    if (entries.isEmpty()) {
      var params = new XReadGroupParams().count(1).block(BLOCK_MS);
      var read = broker.xreadGroup(SYSTEM, CONSUMER, params, Map.of(COMMANDS, StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
      entries = read == null || read.isEmpty() ? List.of() : read.get(0).getValue();
    }
    for (var entry : entries) handle(entry);
    return claimed.getKey();
  }

  /** Works, answers, and only then acknowledges. */
  static void handle(StreamEntry entry) throws InterruptedException {
    var id = entry.getID();
    var body = entry.getFields().getOrDefault("ce", entry.getFields().toString());
    var taken = new Taken(parse(body), new CountDownLatch(1));
    if (IN_HAND.putIfAbsent(id, taken) != null) return;
    try {
      var command = taken.command();
      if (command != null && CANCELLED.contains(String.valueOf(command.get("id")))) taken.cancelled().countDown();
      var data = Map.of("channel", COMMANDS, "body", body.substring(0, Math.min(body.length(), 8_192)));
      var answered = command == null ? envelope(id + ":dead", "tasker.envelope.dead", data) : null;
      if (command != null) {
        var pending = broker.xpending(COMMANDS, SYSTEM, new XPendingParams(id, id, 1));
        var waited = Duration.between(Instant.ofEpochMilli(id.getTime()), brokerTime());
        answered = answer(command, pending.isEmpty() ? 1 : pending.get(0).getDeliveredTimes(), waited, taken.cancelled());
      }
      if (answered != null) {
        var channel = command == null ? DEAD : text(command, "taskerreplyto");
        var ce = Map.of("ce", GSON.toJson(answered));
        again(() -> broker.xadd(channel, ce, XAddParams.xAddParams()));
      }
      again(() -> {
        try (var both = broker.multi()) {
          both.xack(COMMANDS, SYSTEM, id);
          both.xdel(COMMANDS, id);
          both.exec();
        }
      });
    } finally {
      IN_HAND.remove(id);
    }
  }

  /** The clock of Redis, which also made the ids of entries. */
  static Instant brokerTime() {
    var time = (List<?>) broker.sendCommand(Protocol.Command.TIME);
    var parts = time.stream().map((part) -> Long.parseLong(new String((byte[]) part))).toList();
    return Instant.ofEpochSecond(parts.get(0), parts.get(1) * 1_000);
  }

  /** Calls until it succeeds: no answer is lost while the broker is away. */
  static void again(Runnable call) throws InterruptedException {
    while (true) {
      try {
        call.run();
        return;
      } catch (JedisException error) {
        if (STOPPING.getCount() == 0) throw error; // another worker takes it, when its lease ends
        rest(error);
      }
    }
  }

  /** Waits, longer the longer the broker is away; says so at first, and then every 30 s. */
  static void rest(Exception error) throws InterruptedException {
    var ms = 500 + ThreadLocalRandom.current().nextInt(1_000);
    STOPPING.await((long) (ms * Math.min(1 + awayMs(error) / 10_000.0, 5)), TimeUnit.MILLISECONDS);
  }

  static synchronized long awayMs(Exception error) {
    var now = System.nanoTime() / 1_000_000;
    if (awaySince == null) awaySince = silentUntil = now;
    if (now >= silentUntil) {
      silentUntil = now + 30_000;
      log("rests: " + error);
    }
    return now - awaySince;
  }

  static synchronized void back() {
    awaySince = null;
  }

  /** One slot. It makes the group, from the first command on, also when somebody deleted it. */
  static void work() {
    try {
      while (STOPPING.getCount() > 0) {
        try {
          makeGroup();
          for (var cursor = new StreamEntryID("0-0"); STOPPING.getCount() > 0; back()) cursor = take(cursor);
        } catch (JedisException error) {
          rest(error);
        }
      }
    } catch (InterruptedException ending) {
      Thread.currentThread().interrupt();
    }
  }

  static void makeGroup() {
    try {
      broker.xgroupCreate(COMMANDS, SYSTEM, new StreamEntryID("0-0"), true);
    } catch (JedisException error) {
      if (!String.valueOf(error.getMessage()).startsWith("BUSYGROUP")) throw error;
    }
  }

  /** Takes what is in hand again, and again, so that no other worker does. */
  static void keepLeases() {
    while (true) {
      try {
        Thread.sleep(LEASE_MS / 3);
        var ids = IN_HAND.keySet().toArray(new StreamEntryID[0]);
        if (ids.length > 0) broker.xclaimJustId(COMMANDS, SYSTEM, CONSUMER, 0, new XClaimParams(), ids);
      } catch (JedisException error) {
        log("cannot keep what is in hand: " + error);
      } catch (InterruptedException ending) {
        return;
      }
    }
  }

  public static void main(String[] args) throws Exception {
    var uri = URI.create(env("REDIS_URL", "redis://127.0.0.1:6379"));
    var pool = new ConnectionPoolConfig();
    pool.setMaxTotal(2 * SLOTS);
    var config = DefaultJedisClientConfig.builder()
        .user(JedisURIHelper.getUser(uri)).password(JedisURIHelper.getPassword(uri))
        .ssl(JedisURIHelper.isRedisSSLScheme(uri)).connectionTimeoutMillis(3_000)
        .socketTimeoutMillis(3_000).blockingSocketTimeoutMillis(BLOCK_MS + 3_000).build(); // or a frozen one holds us up
    broker = new JedisPooled(pool, JedisURIHelper.getHostAndPort(uri), config);
    var ended = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> { // SIGTERM; the process ends after it
      STOPPING.countDown();
      try {
        ended.await();
        Runtime.getRuntime().halt(0);
      } catch (InterruptedException ending) {
        Thread.currentThread().interrupt();
      }
    }));
    var keeper = new Thread(Worker::keepLeases);
    keeper.setDaemon(true);
    keeper.start();
    var slots = new ArrayList<Thread>();
    for (int slot = 0; slot < SLOTS; slot++) slots.add(new Thread(Worker::work));
    slots.forEach(Thread::start);
    log("takes commands");
    for (var slot : slots) slot.join(); // after SIGTERM, until what is in hand is answered
    try {
      var mine = new XPendingParams("-", "+", 1).consumer(CONSUMER);
      if (broker.xpending(COMMANDS, SYSTEM, mine).isEmpty()) broker.xgroupDelConsumer(COMMANDS, SYSTEM, CONSUMER);
    } catch (JedisException error) {
      log("left without a word: " + error);
    }
    ended.countDown();
  }
}
