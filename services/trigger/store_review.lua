-- Customers who were known before a campaign was put. Continues store_commit.lua.

-- Of a protobuf message, a field that holds bytes: its tag and them.
local function field(tag, content)
  local size, length = #content, ''
  while size > 127 do
    length = length .. string.char(size % 128 + 128)
    size = math.floor(size / 128)
  end
  return string.char(tag) .. length .. string.char(size) .. content
end

-- args: epoch, owner, mark, most customers (about), given_ms, nonce, "1" on the events' own time (the time then stays).
-- Answers {DONE, customers named, 1 where all were} or {FENCED, 0, 0}.
-- A place in a scan means something to the process alone that gave it: another keeps a hash in another order.
local function review(keys, args)
  local head = keys[1]
  local h = redis.call('HMGET', head, 'seq', 'ts', 'events', 'bytes', 'epoch', 'owner', 'review_mark', 'review_at',
    'review_run')
  if h[5] ~= args[1] or h[6] ~= args[2] then
    return {FENCED, 0, 0}
  end
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local at = '0'
  if h[7] == args[3] and h[8] == 'done' then
    return {DONE, 0, 1}
  elseif h[7] == args[3] and h[9] == run then
    at = h[8]
  end
  local found = redis.call('HSCAN', prefix_of(head) .. 'rec', at, 'COUNT', args[4])
  local uids = {}
  for i = 1, #found[2], 2 do
    uids[#uids + 1] = found[2][i]
  end
  if #uids > 0 then
    local given_ms = args[5]
    if args[7] == '1' then
      given_ms = h[2]
    end
    -- LogEntry.review = 6, ReviewEntry.uids = 1.
    local body = field(50, field(10, table.concat(uids, ',')))
    add_entry(head, h, given_ms, args[7] == '1', 0, args[6], body)
  end
  local next_at, done = found[1], 0
  if next_at == '0' then
    next_at, done = 'done', 1
  end
  redis.call('HSET', head, 'review_mark', args[3], 'review_at', next_at, 'review_run', run)
  return {DONE, #uids, done}
end
