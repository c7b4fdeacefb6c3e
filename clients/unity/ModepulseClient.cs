// Reports to a Modepulse service who plays which mode where. One file, for Unity 2021.2 or newer; see README.md.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using UnityEngine;
using UnityEngine.Networking;

namespace Modepulse
{
    /// <summary>
    /// Add it to an object that lives as long as the game, and set Url. No report waits for the service or throws
    /// because of it: events are queued, sent in batches and repeated until the service takes them.
    /// </summary>
    public sealed class ModepulseClient : MonoBehaviour
    {
        [Tooltip("Where the service is, with http:// or https://")]
        public string Url = "";
        [Tooltip("An API key with the scope ingest, where the service needs one. Whoever has the game has the key.")]
        public string Key = "";
        [Tooltip("A batch that has as many events is sent at once; none has more.")]
        public int BatchEvents = 500;
        [Tooltip("How many seconds an event waits for others.")]
        public float BatchSeconds = 1;
        [Tooltip("Events that wait at most. A full queue forgets the event that has waited longest.")]
        public int QueueEvents = 10000;
        [Tooltip("How often sessions are reported to last, in seconds: well within the service's lease (900). 0: never.")]
        public float HeartbeatSeconds = 300;
        [Tooltip("Events get the time of this machine's clock, which has to be right; otherwise that of their arrival.")]
        public bool Stamp = false;
        [Tooltip("How many seconds a batch is repeated before it is lost.")]
        public float GiveUpSeconds = 900;
        [Tooltip("How many seconds one request may take.")]
        public int TimeoutSeconds = 15;
        [Tooltip("How many seconds the end of the game waits for what is queued. 0: not at all.")]
        public float ExitSeconds = 2;

        /// <summary>Called for events that were lost: their number, a code, a message. Unset: a warning is logged.</summary>
        public Action<int, string, string> OnLoss;

        /// <summary>Events that wait now, those in the request under way too.</summary>
        public int Queued { get { return events.Count + underWay; } }
        /// <summary>Events that the service has taken, heartbeats included.</summary>
        public int Accepted { get; private set; }
        /// <summary>Of these, those that changed a counter.</summary>
        public int Applied { get; private set; }
        /// <summary>Events that were dropped or refused; OnLoss says why.</summary>
        public int Lost { get; private set; }
        /// <summary>Requests that were repeated.</summary>
        public int Retries { get; private set; }

        /// <summary>A user starts to play. Until Logout heartbeats report that the session lasts.</summary>
        public void Login(string user, string area, string mode) { Put("LOGIN", user, area, mode, null); }
        /// <summary>A user stops.</summary>
        public void Logout(string user, string area, string mode) { Put("LOGOUT", user, area, mode, null); }
        /// <summary>A user still plays: for sessions that another process logged in.</summary>
        public void Heartbeat(string user, string area, string mode) { Put("HEARTBEAT", user, area, mode, null); }

        /// <summary>Queues an event. <paramref name="at"/>: when it happened, seconds since 1970; null: now.</summary>
        public void Put(string name, string user, string area, string mode, double? at)
        {
            var session = new Session { User = user, Area = area, Mode = mode };
            var fault = FaultOf(session, at);
            if (fault != null || ended)
            {
                Lose(1, fault != null ? "invalid_event" : "closed", fault ?? "the client was closed");
                return;
            }
            if (events.Count >= QueueEvents)
            {
                events.Dequeue();
                settled++;
                Lose(1, "queue_full", "the service does not take events as fast as they come");
            }
            if (name == "LOGOUT") sessions.Remove(session); else sessions.Add(session);
            if (events.Count == 0) firstSince = Now;
            events.Enqueue(Json(name, session, at));
            put++;
        }

        /// <summary>Sends what is queued now, and ends when it is answered: yield return it in a coroutine.</summary>
        public IEnumerator Flush()
        {
            long target = put;
            flushing++;
            while (settled < target) yield return null;
            flushing--;
        }

        /// <summary>The same, for all sessions that were logged in here, which end first.</summary>
        public IEnumerator LogOutAll()
        {
            round = new Queue<Session>(sessions);
            roundName = "LOGOUT";
            flushing++;
            while (events.Count + round.Count + underWay > 0) yield return null;
            flushing--;
        }

        private struct Session : IEquatable<Session>
        {
            public string User, Area, Mode;
            public bool Equals(Session other) { return User == other.User && Area == other.Area && Mode == other.Mode; }
            public override bool Equals(object other) { return other is Session && Equals((Session)other); }
            public override int GetHashCode() { return (User + "|" + Area + "|" + Mode).GetHashCode(); }
        }

        private sealed class Batch
        {
            public List<string> Items;
            public int Queued;
            public string Key;
            public int Attempts;
            public double Deadline;
        }

        [Serializable] private sealed class Answer
        {
            public int accepted = -1;
            public int applied = 0;
            public string code = "";
            public string title = "";
            public Fault[] errors = null;
        }

        [Serializable] private sealed class Fault
        {
            public string code = "";
            public string message = "";
        }

        private const double FirstPause = 0.2, MaxPause = 30, MaxRetryAfter = 300, Tick = 0.000002;
        private readonly Queue<string> events = new Queue<string>();
        private readonly HashSet<Session> sessions = new HashSet<Session>();
        private Queue<Session> round = new Queue<Session>();
        private string roundName = "HEARTBEAT";
        private double firstSince, nextRound, lastStamp;
        private long put, settled;
        private int underWay, flushing;
        private bool ended, mayQuit;

        private static double Now { get { return Time.realtimeSinceStartupAsDouble; } }

        private void OnEnable()
        {
            nextRound = Now + HeartbeatSeconds;
            Application.wantsToQuit += WantsToQuit;
            StartCoroutine(SendAll());
        }

        private void OnDisable() { Application.wantsToQuit -= WantsToQuit; }

        // A phone may end a game that is in the background without a word.
        private void OnApplicationPause(bool paused) { if (paused && events.Count > 0) firstSince = double.MinValue; }

        private bool WantsToQuit()
        {
            if (mayQuit || ExitSeconds <= 0 || Queued == 0) return true;
            StartCoroutine(FlushAndQuit());
            return false;
        }

        private IEnumerator FlushAndQuit()
        {
            double end = Now + ExitSeconds;
            flushing++;
            while (Queued > 0 && Now < end) yield return null;
            ended = mayQuit = true;
            if (Queued > 0) Lose(Queued, "closed", "the game ended before they could be sent");
            Application.Quit();
        }

        private IEnumerator SendAll()
        {
            for (;;)
            {
                Batch batch = NextBatch();
                if (batch == null) yield return null;
                else yield return StartCoroutine(Deliver(batch));
            }
        }

        private Batch NextBatch()
        {
            if (HeartbeatSeconds > 0 && Now >= nextRound)
            {
                nextRound = Now + HeartbeatSeconds;
                if (round.Count == 0)
                {
                    round = new Queue<Session>(sessions);
                    roundName = "HEARTBEAT";
                }
            }
            bool due = events.Count >= BatchEvents || (events.Count > 0 && Now >= firstSince + BatchSeconds);
            if (!due && round.Count == 0 && flushing == 0) return null;
            var items = new List<string>();
            while (items.Count < BatchEvents && events.Count > 0) items.Add(events.Dequeue());
            firstSince = Now;
            int queued = items.Count;
            while (items.Count < BatchEvents && round.Count > 0)
            {
                Session session = round.Dequeue();
                if (!sessions.Contains(session)) continue;
                items.Add(Json(roundName, session, null));
                if (roundName == "LOGOUT") sessions.Remove(session);
            }
            if (items.Count == 0) return null;
            underWay += items.Count;
            return NewBatch(items, queued, Now + GiveUpSeconds);
        }

        private static Batch NewBatch(List<string> items, int queued, double deadline)
        {
            return new Batch { Items = items, Queued = queued, Key = Guid.NewGuid().ToString("N"), Deadline = deadline };
        }

        // Body and Idempotency-Key stay the same in every attempt, so that the batch is applied once.
        private IEnumerator Deliver(Batch batch)
        {
            byte[] body = Encoding.UTF8.GetBytes("{\"items\":[" + string.Join(",", batch.Items) + "]}");
            for (;;)
            {
                long status;
                string text, retryAfter;
                using (var request = new UnityWebRequest(Url.TrimEnd('/') + "/events?on_invalid=skip", "POST"))
                {
                    request.uploadHandler = new UploadHandlerRaw(body);
                    request.downloadHandler = new DownloadHandlerBuffer();
                    request.timeout = TimeoutSeconds;
                    request.SetRequestHeader("Content-Type", "application/json");
                    if (batch.Key != "") request.SetRequestHeader("Idempotency-Key", batch.Key);
                    if (Key.Trim() != "") request.SetRequestHeader("X-API-Key", Key.Trim());
                    yield return request.SendWebRequest();
                    status = request.responseCode;
                    text = request.downloadHandler.text ?? "";
                    retryAfter = request.GetResponseHeader("Retry-After");
                    if (status == 0) text = "";
                }
                batch.Attempts++;
                Answer answer = AnswerOf(text);
                string code = answer.code != "" ? answer.code : "http_" + status;
                if (status == 200 && answer.accepted >= 0)
                {
                    Settle(batch, answer);
                    yield break;
                }
                if (code == "too_many_keys" && batch.Key != "")
                {
                    // The service remembers no more keys. Without one a repeated batch still ends in the same state.
                    batch.Key = "";
                    Retries++;
                    continue;
                }
                if ((code == "too_many_events" || code == "body_too_large") && batch.Items.Count > 1)
                {
                    int middle = batch.Items.Count / 2, queued = Math.Min(batch.Queued, middle);
                    var first = NewBatch(batch.Items.GetRange(0, middle), queued, batch.Deadline);
                    var rest = batch.Items.GetRange(middle, batch.Items.Count - middle);
                    yield return StartCoroutine(Deliver(first));
                    yield return StartCoroutine(Deliver(NewBatch(rest, batch.Queued - queued, batch.Deadline)));
                    yield break;
                }
                bool again = status == 0 || status == 408 || status == 425 || status == 429 || status == 500
                    || (status >= 502 && status <= 504);
                double pause = Math.Min(FirstPause * Math.Pow(2, Math.Min(batch.Attempts, 20)), MaxPause);
                pause *= 0.5 + jitter.NextDouble() / 2;
                pause = Math.Max(pause, SecondsOf(retryAfter));
                if (!again || Now + pause > batch.Deadline)
                {
                    string message = answer.title != "" ? answer.title : "HTTP " + status;
                    Settle(batch, null);
                    Lose(batch.Items.Count, again ? "gave_up" : code, message);
                    yield break;
                }
                if (batch.Attempts == 1) Debug.LogWarning("Modepulse: events wait, and are sent again: " + code);
                for (double end = Now + pause; Now < end;) yield return null;
                Retries++;
            }
        }

        private readonly System.Random jitter = new System.Random();

        private void Settle(Batch batch, Answer answer)
        {
            settled += batch.Queued;
            underWay -= batch.Items.Count;
            if (answer == null) return;
            Accepted += answer.accepted;
            Applied += answer.applied;
            int refused = batch.Items.Count - answer.accepted;
            Fault fault = answer.errors != null && answer.errors.Length > 0 ? answer.errors[0] : new Fault { code = "refused" };
            if (refused > 0) Lose(refused, fault.code, fault.message);
        }

        private void Lose(int count, string code, string message)
        {
            Lost += count;
            if (OnLoss != null) OnLoss(count, code, message);
            else Debug.LogWarning("Modepulse: " + count + " events were lost (" + code + "): " + message);
        }

        private static Answer AnswerOf(string text)
        {
            try { return JsonUtility.FromJson<Answer>(text) ?? new Answer(); }
            catch (ArgumentException) { return new Answer(); }
        }

        // A number or a date; 0 where there is neither.
        private static double SecondsOf(string retryAfter)
        {
            double seconds;
            DateTime date;
            if (string.IsNullOrEmpty(retryAfter)) return 0;
            if (!double.TryParse(retryAfter, NumberStyles.Float, CultureInfo.InvariantCulture, out seconds))
            {
                var styles = DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal;
                if (!DateTime.TryParse(retryAfter, CultureInfo.InvariantCulture, styles, out date)) return 0;
                seconds = (date - DateTime.UtcNow).TotalSeconds;
            }
            return Math.Min(Math.Max(seconds, 0), MaxRetryAfter);
        }

        // The service's rule for names, in characters: a pair of surrogates is one, a lone one is none.
        private static string FaultOf(Session session, double? at)
        {
            foreach (string name in new[] { session.User, session.Area, session.Mode })
            {
                int characters = 0;
                bool valid = !string.IsNullOrEmpty(name);
                for (int i = 0; valid && i < name.Length; i++, characters++)
                {
                    if (char.IsSurrogatePair(name, i)) i++;
                    else valid = !char.IsControl(name[i]) && name[i] != '|' && !char.IsSurrogate(name[i]);
                }
                if (!valid || characters > 255)
                    return "names are 1 to 255 characters without control characters and without |";
            }
            bool time = at == null || (at >= 0 && at < double.PositiveInfinity);
            return time ? null : "a time is seconds since 1970";
        }

        private string Json(string name, Session session, double? at)
        {
            if (at == null && Stamp)
            {
                double now = (DateTime.UtcNow - new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)).TotalSeconds;
                at = lastStamp = Math.Max(now, lastStamp + Tick);
            }
            string time = at == null ? "" : ",\"epoch_timestamp\":" + at.Value.ToString("F6", CultureInfo.InvariantCulture);
            return "{\"area_code\":" + Quoted(session.Area) + ",\"multiplayer_mode\":" + Quoted(session.Mode)
                + ",\"user_id\":" + Quoted(session.User) + ",\"events_name\":\"" + name + "\"" + time + "}";
        }

        // There are no control characters: FaultOf refuses them.
        private static string Quoted(string text)
        {
            return "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
        }
    }
}
