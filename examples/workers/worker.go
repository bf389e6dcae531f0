// A worker of Tasker over Redis Streams, in one file to copy: change system and handlers.
//
//	REDIS_URL=redis://127.0.0.1:6379 go run worker.go
//
// Contract: docs/envelopes.md. A crash between working, answering and acknowledging repeats the work.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

const (
	system        = "go_shipping"
	slots         = 8               // commands in hand at once
	deliveriesMax = 10              // what comes more often breaks its workers
	cancelledMax  = 1_000           // ids that are kept: their commands may be taken and not be in hand yet
	block         = 2 * time.Second // the longest wait for a command, and so for the end after SIGTERM
)

var (
	prefix    = cmp.Or(os.Getenv("TASKER_BUS_PREFIX"), "tasker.workflows")
	commands  = prefix + ".cmd." + system
	dead      = prefix + ".dead." + system
	consumer  = fmt.Sprintf("%d-%d", os.Getpid(), rand.Int64()) // two of one name would share commands
	lease     = milliseconds("LEASE_MS", "10000")               // silent for longer: another takes over
	inHand    sync.Map                                          // id of the entry → taken
	ever      = context.Background()
	cancelled struct {
		sync.Mutex
		ids []any
	}
	broker *redis.Client
	away   struct { // since when the broker does not answer; zero: it does
		sync.Mutex
		since, silentUntil time.Time
	}
)

type envelope = map[string]any

type taken struct {
	command envelope
	cancel  context.CancelFunc
}

// refused says that the step failed by its contract, for good.
type refused struct{ code, message string }

func (r refused) Error() string { return r.message }

// book ships parcels. All attempts of a step have one key: do nothing twice under one key.
func book(ctx context.Context, data any, key string) (any, error) {
	if data.(envelope)["parcels"].(float64) > 100 {
		return nil, refused{"too_many", "A van takes 100 parcels"}
	}
	select {
	case <-ctx.Done(): // cancelled
	case <-time.After(milliseconds("WORK_MS", "0")):
	}
	err := os.WriteFile(filepath.Join(cmp.Or(os.Getenv("LEDGER"), os.TempDir()), key), nil, 0o600)
	return envelope{"tracking_id": "T-" + key}, err
}

var handlers = map[string]func(context.Context, any, string) (any, error){"shipping.book": book}

func milliseconds(name, otherwise string) time.Duration {
	ms, _ := strconv.Atoi(cmp.Or(os.Getenv(name), otherwise))
	return time.Duration(ms) * time.Millisecond
}

// parse returns the command that a body is, and how long it was wanted when it was sent; nil when
// nobody can use it. Both of its times are the engine's: our clock may be wrong.
func parse(body string) (command envelope, lifetime time.Duration) {
	if !utf8.ValidString(body) || json.Unmarshal([]byte(body), &command) != nil {
		return nil, 0
	}
	needed := []string{"id", "type"}
	if command["taskerreplytoken"] != nil {
		needed = append(needed, "subject", "taskerreplyto")
	}
	for _, name := range needed {
		if _, isText := command[name].(string); !isText {
			return nil, 0
		}
	}
	lifetime = 1<<63 - 1
	if command["expirytime"] != nil {
		until, err := time.Parse(time.RFC3339, fmt.Sprint(command["expirytime"]))
		sent, err2 := time.Parse(time.RFC3339, fmt.Sprint(command["time"]))
		if lifetime = until.Sub(sent); err != nil || err2 != nil {
			return nil, 0
		}
	}
	return command, lifetime
}

// reply made again has the same id, so that a repeat is known as one.
func reply(command envelope, kind string, data any) envelope {
	made := envelope{
		"specversion": "1.0", "id": fmt.Sprintf("%s:%s", command["id"], kind), "source": "/" + system,
		"type": "tasker.step." + kind, "time": time.Now().UTC().Format(time.RFC3339Nano),
		"causationid": command["id"], "datacontenttype": "application/json", "data": data,
	}
	for _, name := range []string{"subject", "correlationid", "traceparent", "taskerattempt", "taskerreplytoken"} {
		if value, isThere := command[name]; isThere {
			made[name] = value
		}
	}
	return made
}

func failed(command envelope, code, message string, retryable bool) envelope {
	return reply(command, "failed", envelope{"error_code": code, "error_message": message, "retryable": retryable})
}

// answer does what a command asks; nil when nobody waits for a reply.
func answer(ctx context.Context, command envelope, deliveries int64, isExpired bool) (answered envelope) {
	if command["type"] == "tasker.step.cancelled" {
		cancelled.Lock()
		cancelled.ids = append(cancelled.ids, command["causationid"])
		cancelled.ids = cancelled.ids[max(0, len(cancelled.ids)-cancelledMax):]
		cancelled.Unlock()
		inHand.Range(func(_, one any) bool {
			if other := one.(taken); other.command != nil && other.command["id"] == command["causationid"] {
				other.cancel()
			}
			return true
		})
	}
	if command["taskerreplytoken"] == nil {
		log.Printf("%s (%s) is a notice, and gets no answer", command["id"], command["type"])
		return nil
	}
	if ctx.Err() != nil {
		log.Printf("%s is dropped: it was cancelled", command["id"])
		return nil
	}
	if isExpired {
		log.Printf("%s is dropped: it expired at %s", command["id"], command["expirytime"])
		return nil
	}
	if deliveries > deliveriesMax {
		return failed(command, "redelivery_exhausted", fmt.Sprintf("Taken %d times in vain", deliveries), false)
	}
	handler, isKnown := handlers[command["type"].(string)]
	if !isKnown {
		return failed(command, "unknown_type", fmt.Sprintf("Type %q is not known here", command["type"]), false)
	}
	defer func() {
		if thrown := recover(); thrown != nil {
			answered = failed(command, "unexpected", fmt.Sprint(thrown), true)
		}
	}()
	result, err := handler(ctx, command["data"], command["subject"].(string))
	var refusal refused
	switch {
	case ctx.Err() != nil: // cancelled
		return nil
	case errors.As(err, &refusal):
		return failed(command, refusal.code, refusal.message, false)
	case err != nil:
		return failed(command, "unexpected", err.Error(), true)
	}
	return reply(command, "completed", result)
}

// handle works, answers, and only then acknowledges.
func handle(stop context.Context, entry redis.XMessage, deliveries int64, waited time.Duration) error {
	body, isText := entry.Values["ce"].(string)
	if !isText {
		body = fmt.Sprint(entry.Values)
	}
	command, lifetime := parse(body)
	ctx, cancel := context.WithCancel(ever)
	defer cancel()
	if _, isInHand := inHand.LoadOrStore(entry.ID, taken{command, cancel}); isInHand {
		return nil
	}
	defer inHand.Delete(entry.ID)
	cancelled.Lock()
	if command != nil && slices.Contains(cancelled.ids, command["id"]) {
		cancel()
	}
	cancelled.Unlock()
	channel, answered := any(dead), envelope{
		"specversion": "1.0", "id": entry.ID + ":dead", "source": "/" + system, "type": "tasker.envelope.dead",
		"data": envelope{"channel": commands, "body": strings.ToValidUTF8(body[:min(len(body), 8192)], "?")},
	}
	if command != nil {
		channel, answered = command["taskerreplyto"], answer(ctx, command, deliveries, waited >= lifetime)
	}
	err := error(nil)
	if answered != nil {
		ce, _ := json.Marshal(answered)
		err = again(stop, func() error {
			return broker.XAdd(ever, &redis.XAddArgs{Stream: channel.(string), Values: []any{"ce", ce}}).Err()
		})
	}
	if err != nil {
		return err
	}
	return again(stop, func() error {
		_, err := broker.TxPipelined(ever, func(pipe redis.Pipeliner) error {
			return errors.Join(pipe.XAck(ever, commands, system, entry.ID).Err(), pipe.XDel(ever, commands, entry.ID).Err())
		})
		return err
	})
}

// again calls until it succeeds, so that no answer is lost while the broker is away. A worker that
// ends leaves the command to another.
func again(stop context.Context, call func() error) error {
	for {
		err := call()
		if err == nil || stop.Err() != nil {
			return err
		}
		rest(stop, err)
	}
}

// rest waits, longer the longer the broker is away. It says so at first, and then every 30 s.
func rest(stop context.Context, err error) {
	now := time.Now()
	away.Lock()
	if away.since.IsZero() {
		away.since, away.silentUntil = now, now
	}
	if !now.Before(away.silentUntil) {
		away.silentUntil = now.Add(30 * time.Second)
		log.Printf("rests: %v", err)
	}
	times := min(1+now.Sub(away.since).Seconds()/10, 5)
	away.Unlock()
	select {
	case <-stop.Done():
	case <-time.After(time.Duration(times * float64(time.Second/2+rand.N(time.Second)))):
	}
}

// back notes that the broker answers.
func back() {
	away.Lock()
	defer away.Unlock()
	away.since = time.Time{}
}

// turn takes a command that nobody was heard of for a lease, else waits for a new one, and handles it.
func turn(stop context.Context, cursor string) (string, error) {
	entries, cursor, err := broker.XAutoClaim(ever, &redis.XAutoClaimArgs{
		Stream: commands, Group: system, Consumer: consumer, MinIdle: lease, Start: cursor, Count: 1}).Result()
	if err == nil && len(entries) == 0 {
		var streams []redis.XStream
		streams, err = broker.XReadGroup(ever, &redis.XReadGroupArgs{
			Group: system, Consumer: consumer, Streams: []string{commands, ">"}, Count: 1, Block: block}).Result()
		for _, stream := range streams {
			entries = stream.Messages
		}
	}
	for _, entry := range entries {
		pending, err := broker.XPendingExt(ever, &redis.XPendingExtArgs{
			Stream: commands, Group: system, Start: entry.ID, End: entry.ID, Count: 1}).Result()
		now, err2 := broker.Time(ever).Result() // Redis's clock made the id of the entry, too
		if err = errors.Join(err, err2); err != nil || len(pending) == 0 {
			return cursor, err
		}
		made, _ := strconv.ParseInt(strings.Split(entry.ID, "-")[0], 10, 64)
		if err = handle(stop, entry, pending[0].RetryCount, now.Sub(time.UnixMilli(made))); err != nil {
			return cursor, err
		}
	}
	if errors.Is(err, redis.Nil) { // nothing came
		err = nil
	}
	return cursor, err
}

// work is one slot. It makes the group, from the first command on, also when somebody deleted it.
func work(stop context.Context) {
	for stop.Err() == nil {
		err := broker.XGroupCreateMkStream(ever, commands, system, "0").Err()
		if redis.HasErrorPrefix(err, "BUSYGROUP") {
			err = nil
		}
		for cursor := "0-0"; err == nil && stop.Err() == nil; {
			if cursor, err = turn(stop, cursor); err == nil {
				back()
			}
		}
		if err != nil {
			rest(stop, err)
		}
	}
}

// keepLeases takes what is in hand again, and again, so that no other worker does.
func keepLeases() {
	for range time.Tick(lease / 3) {
		var ids []string
		inHand.Range(func(id, _ any) bool { ids = append(ids, id.(string)); return true })
		if len(ids) == 0 {
			continue
		}
		claim := &redis.XClaimArgs{Stream: commands, Group: system, Consumer: consumer, Messages: ids}
		if err := broker.XClaimJustID(ever, claim).Err(); err != nil {
			log.Printf("cannot keep what is in hand: %v", err)
		}
	}
}

func main() {
	log.SetPrefix(system + ": ")
	options, err := redis.ParseURL(cmp.Or(os.Getenv("REDIS_URL"), "redis://127.0.0.1:6379"))
	if err != nil {
		log.Fatal(err)
	}
	options.ReadTimeout = block + 3*time.Second // or a frozen broker holds us up
	logging.Disable()                           // it would write a line for each try of each slot
	broker = redis.NewClient(options)
	stop, _ := signal.NotifyContext(ever, syscall.SIGTERM, syscall.SIGINT)
	go keepLeases()
	var working sync.WaitGroup
	for range slots {
		working.Add(1)
		go func() { defer working.Done(); work(stop) }()
	}
	log.Print("takes commands")
	working.Wait() // after SIGTERM, until what is in hand is answered
	all := &redis.XPendingExtArgs{Stream: commands, Group: system, Start: "-", End: "+", Count: 1, Consumer: consumer}
	if left, err := broker.XPendingExt(ever, all).Result(); err == nil && len(left) == 0 {
		broker.XGroupDelConsumer(ever, commands, system, consumer) // never a name that still has commands
	}
}
