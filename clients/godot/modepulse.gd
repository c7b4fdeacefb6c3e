## Reports to a Modepulse service who plays which mode where. One file, for Godot 4.2 or newer; see README.md.
##
## Add it as an autoload and set [member url]. No report waits for the service: events are queued, sent in batches and
## repeated until the service takes them.
extends Node

## [param count] events were lost. Without a listener a warning is written.
signal lost(count: int, code: String, message: String)
## A batch was answered, or is lost.
signal settled

const FIRST_PAUSE := 0.2
const MAX_PAUSE := 30.0
const MAX_RETRY_AFTER := 300.0
const TICK := 0.000002

## Where the service is, with http:// or https://
@export var url := ""
## An API key with the scope ingest, where the service needs one. Whoever has the game has the key.
@export var key := ""
## A batch that has as many events is sent at once; none has more.
@export var batch_events := 500
## How many seconds an event waits for others.
@export var batch_seconds := 1.0
## Events that wait at most. A full queue forgets the event that has waited longest.
@export var queue_events := 10000
## How often sessions are reported to last, in seconds: well within the service's lease (900). 0: never.
@export var heartbeat_seconds := 300.0
## Events get the time of this machine's clock, which has to be right; otherwise that of their arrival.
@export var stamp := false
## How many seconds a batch is repeated before it is lost.
@export var give_up_seconds := 900.0
## How many seconds one request may take.
@export var timeout_seconds := 15.0

## Events that the service has taken, heartbeats included.
var accepted := 0
## Of these, those that changed a counter.
var applied := 0
## Requests that were repeated.
var retries := 0

var _http := HTTPRequest.new()
var _events: Array[Dictionary] = []
var _sessions := {}
# Sessions to report in this round, and as what.
var _round: Array = []
var _round_name := "HEARTBEAT"
var _first_since := 0.0
var _next_round := 0.0
var _last_stamp := 0.0
# How many of the last items are no events of the queue.
var _round_items := 0
var _under_way := 0
var _flushing := 0
var _put_count := 0
var _settled_count := 0
var _crypto := Crypto.new()
# The service's rule for names.
var _forbidden := RegEx.create_from_string("[\\x{00}-\\x{1f}\\x{7f}-\\x{9f}|]")


func _ready() -> void:
	_http.timeout = timeout_seconds
	add_child(_http)
	_next_round = _now() + heartbeat_seconds
	_send_all()


func _notification(what: int) -> void:
	# A phone may end a game that is in the background without a word.
	if what == NOTIFICATION_APPLICATION_PAUSED:
		_first_since = -INF


## A user starts to play. Until [method logout] heartbeats report that the session lasts.
func login(user: String, area: String, mode: String) -> void:
	put("LOGIN", user, area, mode)


## A user stops.
func logout(user: String, area: String, mode: String) -> void:
	put("LOGOUT", user, area, mode)


## A user still plays: for sessions that another process logged in.
func heartbeat(user: String, area: String, mode: String) -> void:
	put("HEARTBEAT", user, area, mode)


## Queues an event. [param at]: when it happened, seconds since 1970; negative: now.
func put(events_name: String, user: String, area: String, mode: String, at := -1.0) -> void:
	for text: String in [user, area, mode]:
		if text.is_empty() or text.length() > 255 or _forbidden.search(text):
			_lose(1, "invalid_event", "names are 1 to 255 characters without control characters and without |")
			return
	if _events.size() >= queue_events:
		_events.pop_front()
		_settled_count += 1
		_lose(1, "queue_full", "the service does not take events as fast as they come")
	var session := [user, area, mode]
	if events_name == "LOGOUT":
		_sessions.erase("|".join(session))
	else:
		_sessions["|".join(session)] = session
	if _events.is_empty():
		_first_since = _now()
	_events.append(_event(events_name, session, at))
	_put_count += 1


## Events that wait now, those in the request under way too.
func queued() -> int:
	return _events.size() + _under_way


## Sends what is queued now: [code]await modepulse.flush()[/code]. False: not within [param seconds].
func flush(seconds := INF) -> bool:
	var target := _put_count
	return await _sent(seconds, func() -> bool: return _settled_count >= target)


## The same, for all sessions that were logged in here, which end first.
func log_out_all(seconds := INF) -> bool:
	_round = _sessions.keys()
	_round_name = "LOGOUT"
	return await _sent(seconds, func() -> bool: return queued() + _round.size() == 0)


func _sent(seconds: float, done: Callable) -> bool:
	var end := _now() + seconds
	_flushing += 1
	while not done.call() and _now() < end:
		await get_tree().process_frame
	_flushing -= 1
	return done.call()


func _send_all() -> void:
	while is_inside_tree():
		var items := _next_items()
		if items.is_empty():
			await get_tree().process_frame
		else:
			await _deliver(items, items.size() - _round_items, _now() + give_up_seconds)


func _next_items() -> Array[Dictionary]:
	var items: Array[Dictionary] = []
	if heartbeat_seconds > 0.0 and _now() >= _next_round:
		_next_round = _now() + heartbeat_seconds
		if _round.is_empty():
			_round = _sessions.keys()
			_round_name = "HEARTBEAT"
	var due := _events.size() >= batch_events
	due = due or (not _events.is_empty() and _now() >= _first_since + batch_seconds)
	if not due and _round.is_empty() and _flushing == 0:
		return items
	items = _events.slice(0, batch_events)
	_events = _events.slice(items.size())
	_first_since = _now()
	_round_items = 0
	while items.size() < batch_events and not _round.is_empty():
		var identity: String = _round.pop_back()
		if not _sessions.has(identity):
			continue
		items.append(_event(_round_name, _sessions[identity], -1.0))
		_round_items += 1
		if _round_name == "LOGOUT":
			_sessions.erase(identity)
	_under_way += items.size()
	return items


# Body and Idempotency-Key stay the same in every attempt, so that the batch is applied once.
func _deliver(items: Array[Dictionary], from_queue: int, deadline: float) -> void:
	var body := JSON.stringify({"items": items}, "", false, true)
	var idempotency_key := _crypto.generate_random_bytes(16).hex_encode()
	var attempts := 0
	while true:
		var reply := await _post(body, idempotency_key)
		attempts += 1
		var status: int = reply.status
		var answer: Dictionary = reply.answer
		var code := str(answer.get("code", "http_%d" % status))
		if status == 200 and answer.has("accepted"):
			_take(items.size(), answer)
			break
		if code == "too_many_keys" and idempotency_key != "":
			# The service remembers no more keys. Without one a repeated batch still ends in the same state.
			idempotency_key = ""
			retries += 1
			continue
		if code in ["too_many_events", "body_too_large"] and items.size() > 1:
			var middle := items.size() / 2
			var first := mini(from_queue, middle)
			await _deliver(items.slice(0, middle), first, deadline)
			await _deliver(items.slice(middle), from_queue - first, deadline)
			return
		var again := status in [0, 408, 425, 429, 500, 502, 503, 504]
		var pause := minf(FIRST_PAUSE * pow(2.0, mini(attempts, 20)), MAX_PAUSE) * randf_range(0.5, 1.0)
		pause = maxf(pause, reply.retry_after)
		if not again or _now() + pause > deadline:
			_lose(items.size(), "gave_up" if again else code, str(answer.get("title", "HTTP %d" % status)))
			break
		if attempts == 1:
			push_warning("Modepulse: events wait, and are sent again: %s" % code)
		await get_tree().create_timer(pause, true, false, true).timeout
		retries += 1
	_settled_count += from_queue
	_under_way -= items.size()
	settled.emit()


func _post(body: String, idempotency_key: String) -> Dictionary:
	var headers := PackedStringArray(["Content-Type: application/json"])
	if idempotency_key != "":
		headers.append("Idempotency-Key: " + idempotency_key)
	if key.strip_edges() != "":
		headers.append("X-API-Key: " + key.strip_edges())
	var reply := {"status": 0, "answer": {}, "retry_after": 0.0}
	var address := url.rstrip("/") + "/events?on_invalid=skip"
	if _http.request(address, headers, HTTPClient.METHOD_POST, body) != OK:
		return reply
	var completed: Array = await _http.request_completed
	if completed[0] != HTTPRequest.RESULT_SUCCESS:
		return reply
	reply.status = completed[1]
	for header: String in completed[2]:
		if header.to_lower().begins_with("retry-after:"):
			reply.retry_after = clampf(header.get_slice(":", 1).to_float(), 0.0, MAX_RETRY_AFTER)
	var read: Variant = JSON.parse_string((completed[3] as PackedByteArray).get_string_from_utf8())
	if read is Dictionary:
		reply.answer = read
	return reply


func _take(count: int, answer: Dictionary) -> void:
	accepted += int(answer.accepted)
	applied += int(answer.get("applied", 0))
	var refused := count - int(answer.accepted)
	if refused > 0:
		var faults: Array = answer.get("errors", [])
		var fault: Dictionary = {} if faults.is_empty() else faults[0]
		_lose(refused, fault.get("code", "refused"), fault.get("message", ""))


func _lose(count: int, code: String, message: String) -> void:
	if lost.get_connections().is_empty():
		push_warning("Modepulse: %d events were lost (%s): %s" % [count, code, message])
	lost.emit(count, code, message)


func _event(events_name: String, session: Array, at: float) -> Dictionary:
	var event := {
		"area_code": session[1],
		"multiplayer_mode": session[2],
		"user_id": session[0],
		"events_name": events_name,
	}
	if at < 0.0 and stamp:
		at = maxf(Time.get_unix_time_from_system(), _last_stamp + TICK)
		_last_stamp = at
	if at >= 0.0:
		event["epoch_timestamp"] = at
	return event


func _now() -> float:
	return Time.get_ticks_usec() / 1e6
