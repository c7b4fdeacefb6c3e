-- Puts sessions on the timer wheel: each into the bucket of the first due second that its lease does not outlast.
-- Reads   to_schedule: session -> time of its last event (us); lease_us, bucket_seconds; expiry_key, bucket_prefix;
--         call, format
-- Writes  bucket_us and buckets, its own
local bucket_us = bucket_seconds * 1000000
local buckets = {} -- due time (us) -> sessions to look at then
for session, last in pairs(to_schedule) do
  local deadline = last + lease_us
  local due = deadline + -deadline % bucket_us -- rounded up
  local bucket = buckets[due]
  if bucket then bucket[#bucket + 1] = session else buckets[due] = { session } end
end
for due, bucket in pairs(buckets) do
  local due_second = format('%d', due / 1000000)
  call('ZADD', expiry_key, due_second, due_second)
  call('RPUSH', bucket_prefix .. due_second, unpack(bucket))
end
