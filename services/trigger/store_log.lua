-- The log of a partition: append, tick, trim.
--
-- Every function is given one key, the partition's head ("sw:{p3}:head"), and finds the others by its prefix: they share
-- its slot by construction. An entry's fields are, in this order, n (nonce) t (log time, ms) a (the store's clock at the
-- append, us) e and s (events and bytes appended to the partition up to and with this entry) b (body): running totals,
-- so that the lag behind any entry and the bytes between any two are one subtraction.

local DONE, FENCED, MOVED, LOST = 0, 1, 2, 3
local ENTRY_OVERHEAD_BYTES = 128

local function number(text)
  return tonumber(text or '0')
end

-- The plain ".." and tostring write large numbers with an exponent.
local function digits(value)
  return string.format('%.0f', value)
end

local function prefix_of(head)
  return string.sub(head, 1, -5)
end

-- h: {seq, ts, events, bytes} as read from the head. Answers the sequence and the log time.
local function add_entry(head, h, given_ms, on_events_clock, events, nonce, body)
  local time = redis.call('TIME')
  local store_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  local at_ms = number(given_ms)
  if not on_events_clock and at_ms > store_ms then
    at_ms = store_ms
  end
  at_ms = math.max(at_ms, number(h[2]))
  local seq = number(h[1]) + 1
  local all_events = number(h[3]) + events
  local all_bytes = number(h[4]) + #body + ENTRY_OVERHEAD_BYTES
  redis.call('XADD', prefix_of(head) .. 'log', digits(seq) .. '-0', 'n', nonce, 't', at_ms,
    'a', time[1] * 1000000 + time[2], 'e', all_events, 's', all_bytes, 'b', body)
  redis.call('HSET', head, 'seq', seq, 'ts', at_ms, 'nonce', nonce, 'events', all_events, 'bytes', all_bytes)
  h[1], h[2], h[3], h[4] = seq, at_ms, all_events, all_bytes
  return seq, at_ms, store_ms
end

-- args: given_ms, events, nonce, body, most lag in events, "1" on the events' own time.
-- Answers {1, seq, log time, store's clock ms}, or {0, lag}: refused.
local function append(keys, args)
  local head = keys[1]
  local h = redis.call('HMGET', head, 'seq', 'ts', 'events', 'bytes', 'events_applied')
  local events = number(args[2])
  local lag = number(h[3]) - number(h[5])
  if events > 0 and lag >= number(args[5]) then
    return {0, lag}
  end
  return {1, add_entry(head, h, args[1], args[6] == '1', events, args[3], args[4])}
end

-- args: epoch, owner, sequence to follow, given_ms, nonce, body, "1" on the events' own time (the time then stays).
local function tick(keys, args)
  local head = keys[1]
  local h = redis.call('HMGET', head, 'seq', 'ts', 'events', 'bytes', 'epoch', 'owner')
  if h[5] ~= args[1] or h[6] ~= args[2] then
    return FENCED
  end
  if (h[1] or '0') ~= args[3] then
    return MOVED
  end
  local given_ms = args[4]
  if args[7] == '1' then
    given_ms = h[2]
  end
  add_entry(head, h, given_ms, args[7] == '1', 0, args[5], args[6])
  return DONE
end

local function entry_at(log, seq)
  local id = digits(seq) .. '-0'
  local found = redis.call('XRANGE', log, id, id)[1]
  return found and found[2]
end

-- args: ms of log time and bytes kept behind the position, most entries deleted, last sequence in the archive ("": there
-- is none), "1" on the events' own time. Answers how many went.
-- Nothing goes that is not archived; the last archived entry stays, because its nonce tells whether it is still this log.
-- The entry at the position stays: a commit that does not move on checks its nonce, and totals are subtracted from its.
local function trim(keys, args)
  local head = keys[1]
  local log = prefix_of(head) .. 'log'
  local h = redis.call('HMGET', head, 'position', 'position_ts')
  local position = number(h[1])
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if position == 0 or not first then
    return 0
  end
  local low = tonumber(string.match(first[1], '^%d+'))
  local at_position = entry_at(log, position)
  if low >= position or not at_position then
    return 0
  end
  local now_ms = number(h[2])
  if args[5] ~= '1' then
    -- A log without traffic must let go too: what was deleted may stand in it.
    local time = redis.call('TIME')
    now_ms = math.max(now_ms, time[1] * 1000 + math.floor(time[2] / 1000))
  end
  local oldest_ms = now_ms - number(args[1])
  local least_bytes = number(at_position[10]) - number(args[2])
  -- Times and totals never fall, so the first entry that stays is found by halving.
  local from, to = low, position
  if args[4] ~= '' then
    to = math.min(to, number(args[4]))
  end
  while from < to do
    local middle = math.floor((from + to) / 2)
    local entry = entry_at(log, middle)
    if entry and number(entry[4]) >= oldest_ms and number(entry[10]) >= least_bytes then
      to = middle
    else
      from = middle + 1
    end
  end
  local stays = math.min(from, low + number(args[3]))
  if stays <= low then
    return 0
  end
  return redis.call('XTRIM', log, 'MINID', '=', digits(stays) .. '-0')
end
