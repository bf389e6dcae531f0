#!/bin/sh
# A worker of Tasker over HTTP, in one file to copy: needs curl and jq, and no broker.
#
#     TASKER_KEY=… TASKER_URL=http://127.0.0.1:8080 sh worker.sh
#
# Change system and handle. Contract: docs/envelopes.md. It works on one command at a time: start
# as many as you like. A command that is not answered within its lease is delivered again; what gives
# a sign of life keeps it.
set -u
system=shell_reports
url=${TASKER_URL:-http://127.0.0.1:8080}/v1/bus/$system
lease_ms=${LEASE_MS:-10000} # silent for longer: another worker takes over
wait_ms=2000                # the longest poll, and so the longest wait for the end after SIGTERM
lease_third_s=$(awk "BEGIN { print $lease_ms / 3000 }")
work_s=$(awk "BEGIN { print ${WORK_MS:-0} / 1000 }")

# Writes a report. $1 is the data; $2 the key, which all attempts of a step share: do nothing twice
# under one key. Prints the result; returns 3 with an error that is for good, else breaks.
handle() {
  pages=$(printf %s "$1" | jq -e '.pages | numbers') || return 1
  if [ "$pages" -gt 100 ]; then
    echo '{"error_code":"too_long","error_message":"A report has 100 pages","retryable":false}'
    return 3
  fi
  sleep "$work_s"
  : >"${LEDGER:-${TMPDIR:-/tmp}}/$2"
  echo "{\"report_id\":\"R-$2\"}"
}

# The key is not an argument, where other users of the machine would see it.
folder=$(mktemp -d)
header=$folder/header said=$folder/said
printf 'Authorization: Bearer %s\n' "${TASKER_KEY:-}" >"$header"

log() {
  echo "$system: $*" >&2
}

# Posts $2 to $1; prints the answer. Returns 1 when it is to be repeated, 2 when it is refused.
post() {
  status=$(printf %s "$2" | curl -sS -m 20 -H "@$header" -H 'Content-Type: application/json' \
    --data-binary @- -o "$said.$1" -w '%{http_code}' "$url/$1" 2>"$folder/why") || return 1
  case $status in
    2??) cat "$said.$1" ;;
    429 | 5??) cp "$said.$1" "$folder/why" && return 1 ;;
    *) cp "$said.$1" "$folder/why" && return 2 ;;
  esac
}

# Makes the reply of kind $1 with data $2. Made again it has the same id: a repeat is known as one.
reply() {
  printf %s "$command" | jq -c --arg kind "$1" --argjson data "$2" --arg source "/$system" '
    { specversion: "1.0", id: "\(.id):\($kind)", source: $source, type: "tasker.step.\($kind)",
      time: (now | todate), causationid: .id, datacontenttype: "application/json", data: $data }
    + with_entries(select(.key | IN("subject", "correlationid", "traceparent", "taskerattempt",
      "taskerreplytoken")))'
}

# Gives signs of life, as long as this process lives.
keep_lease() {
  while sleep "$lease_third_s" && kill -0 $$ 2>/dev/null; do
    said=$folder/kept post replies "$(reply progress '{}')" >/dev/null
  done
}

answer() {
  if [ "$type" != report.write ]; then
    reply failed '{"error_code":"unknown_type","error_message":"Not known","retryable":false}'
    return
  fi
  result=$(handle "$data" "$subject")
  case $? in
    0) reply completed "$result" ;;
    3) reply failed "$result" ;;
    *) reply failed '{"error_code":"unexpected","error_message":"It broke","retryable":true}' ;;
  esac
}

# Waits, longer the longer the engine is away; says so at first, and then every 30 s.
rest() {
  now=$(date +%s)
  away_since=${away_since:-$now}
  if [ "$now" -ge "${silent_until:-0}" ]; then
    silent_until=$((now + 30))
    log "rests: the engine does not answer: $(cat "$folder/why")"
  fi
  away_s=$((now - away_since))
  sleep "$(awk "BEGIN { srand(); print (0.5 + rand()) * ($away_s < 40 ? 1 + $away_s / 10 : 5) }")"
}

stopping=
trap 'stopping=1' TERM INT
trap 'rm -rf "$folder"' EXIT
log "takes commands"
while [ -z "$stopping" ]; do
  polled=$(post poll "{\"max\":1,\"waitMs\":$wait_ms,\"leaseMs\":$lease_ms}") || { rest && continue; }
  away_since='' silent_until=''
  # One line each: the command, and what is needed of it.
  printf %s "$polled" | jq -r '.envelopes[] | tojson, (.taskerreplytoken != null), .type, .subject,
    (.data | tojson)' >"$said"
  # Not by `read`, which a signal breaks off: a command that is in hand would be left.
  command=$(sed -n 1p "$said") is_asked=$(sed -n 2p "$said") type=$(sed -n 3p "$said")
  subject=$(sed -n 4p "$said") data=$(sed -n 5p "$said")
  [ -n "$command" ] || continue
  if [ "$is_asked" != true ]; then
    log "a notice ($type) gets no answer"
    continue
  fi
  keep_lease &
  keeper=$!
  answered=$(answer)
  until post replies "$answered" >/dev/null; do
    [ $? -eq 2 ] && log "the reply is refused for good: $(cat "$folder/why")" && break
    [ -n "$stopping" ] && break # another worker takes it, when its lease ends
    rest
  done
  kill $keeper 2>/dev/null
done
