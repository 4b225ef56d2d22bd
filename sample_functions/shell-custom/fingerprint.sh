# The handler. It is given the file that the event is in; what it prints is the response, and what it
# writes to stderr goes to the log.

describe() {
  local event=$1 first size sum
  first=$(tr --delete '[:space:]' <"$event" | head --bytes=1)
  if [[ $first != '{' ]]; then
    fail NotAnObject "expected a JSON object, and it begins with '$first'"
    return
  fi
  size=$(stat --format=%s "$event")
  read -r sum _ < <(sha256sum "$event")
  echo "an event of $size bytes" >&2
  printf '{"bytes": %d, "sha256": "%s", "runtime": "bash %s"}' "$size" "$sum" "${BASH_VERSION%%[^0-9.]*}"
}
