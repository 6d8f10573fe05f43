-- Ownership and the commit. Continues store_log.lua, whose locals it uses.

local VALUES_MAX = 2000 -- unpack takes 7,999 values at most
local CHANGES_MAX = 10000
local DEAD_LETTERS_MAX = 10000
local FLOOD_LETTERS_MAX = 1000
local FIRST_VALUE = 28
local EXPIRY_SLACK_MS = 86400000

-- args: owner, generation.
-- Answers FENCED, or {epoch, position, its nonce, its log time, last ordinal, claims without progress, store's clock ms,
-- campaign rows, rows of what was received of other partitions}.
local function claim(keys, args)
  local head = keys[1]
  local h = redis.call('HMGET', head, 'generation', 'epoch', 'position', 'position_nonce', 'position_ts', 'ordinal', 'claims')
  if number(args[2]) < number(h[1]) then
    return FENCED
  end
  local epoch, claims = number(h[2]) + 1, number(h[7]) + 1
  redis.call('HSET', head, 'epoch', epoch, 'owner', args[1], 'generation', args[2], 'claims', claims)
  local time = redis.call('TIME')
  return {epoch, number(h[3]), h[4] or '', number(h[5]), number(h[6]), claims,
    time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HVALS', prefix_of(head) .. 'camp'),
    redis.call('HVALS', prefix_of(head) .. 'rcv')}
end

-- args: epoch, owner, seq. Answers {DONE, how often this was noted} or {FENCED}.
local function mark_trying(keys, args)
  local h = redis.call('HMGET', keys[1], 'epoch', 'owner', 'trying_seq', 'trying_n')
  if h[1] ~= args[1] or h[2] ~= args[2] then
    return {FENCED}
  end
  local times = 1
  if h[3] == args[3] then
    times = number(h[4]) + 1
  end
  redis.call('HSET', keys[1], 'trying_seq', args[3], 'trying_n', times)
  return {DONE, times}
end

-- Calls command on key with `count` of the values from `first`, in chunks; answers where the next values begin.
local function write(command, key, args, first, count)
  local last = first + count - 1
  for from = first, last, VALUES_MAX do
    redis.call(command, key, unpack(args, from, math.min(from + VALUES_MAX - 1, last)))
  end
  return last + 1
end

-- Runs over `count` groups of `width` values; answers where the next values begin.
local function each(first, count, width, act)
  for at = first, first + (count - 1) * width, width do
    act(at)
  end
  return first + count * width
end

-- What one customer has too many of ("1") is kept apart, so that a flood pushes out nobody else's dead letters.
local function set_aside(prefix, of_flood, letter)
  local name, most = 'dead', DEAD_LETTERS_MAX
  if of_flood == '1' then
    name, most = 'flood', FLOOD_LETTERS_MAX
  end
  redis.call('XADD', prefix .. name, 'MAXLEN', '~', most, '*', 'd', letter)
end

local function write_customers(prefix, args, at)
  local ids, expires_ms = prefix .. 'ids:', number(args[10])
  at = write('HSET', prefix .. 'rec', args, at, 2 * number(args[13]))
  at = write('ZADD', prefix .. 'due', args, at, 2 * number(args[14]))
  at = write('ZREM', prefix .. 'due', args, at, number(args[15]))
  at = each(at, number(args[16]), 2, function(i)
    local key = ids .. args[i]
    redis.call('APPEND', key, args[i + 1])
    if expires_ms > 0 then
      redis.call('PEXPIRE', key, expires_ms + EXPIRY_SLACK_MS)
    end
  end)
  at = each(at, number(args[17]), 2, function(i)
    if args[i + 1] == '' then
      redis.call('DEL', ids .. args[i])
    elseif expires_ms > 0 then
      redis.call('SET', ids .. args[i], args[i + 1], 'PX', expires_ms + EXPIRY_SLACK_MS)
    else
      redis.call('SET', ids .. args[i], args[i + 1])
    end
  end)
  return write('HSET', prefix .. 'past', args, at, 2 * number(args[18]))
end

-- args: 1 epoch, 2 owner, 3 position started from, 4 position reached, 5 its nonce, 6 log time reached, 7 applied,
-- 8 duplicates, 9 uids, joined, 10 ms for which seen ids stay at least after the last of them (0: for ever),
-- 11 given_ms for skip entries ("" on the events' own time), 12 first ordinal; then how many of each: 13 records (uid,
-- bytes), 14 deadlines (ms, uid), 15 deadlines gone (uid), 16 seen ids added and 17 replaced (uid, bytes), 18 chunks of
-- older events (field, bytes), 19 outbox rows (target partition or "" for sender, lineage, intent), 20 dead letters ("1"
-- where of a flood, bytes), 21 campaign rows (field, bytes), 22 campaign rows gone (field), 23 skip entries (nonce, body),
-- 24 customers deleted (uid), 25 their chunks of older events (field), 26 rows of what was received (field, bytes), 27 such
-- rows gone (field); from 28 these values, in that order; last the entry ahead: its seq (0: none), its nonce.
local function commit(keys, args)
  local head = keys[1]
  local prefix = prefix_of(head)
  local h = redis.call('HMGET', head, 'seq', 'ts', 'events', 'bytes', 'nonce', 'epoch', 'owner', 'position', 'ordinal',
    'changes', 'applied', 'duplicates', 'dead', 'events_applied', 'claims')
  if h[6] ~= args[1] or h[7] ~= args[2] then
    return FENCED
  end
  if (h[8] or '0') ~= args[3] then
    return MOVED
  end
  local events_applied = number(h[14])
  if args[4] == h[1] then
    -- The usual case when there is no backlog: the head knows the nonce, the entry need not be fetched.
    if h[5] ~= args[5] then
      return LOST
    end
    events_applied = number(h[3])
  elseif args[4] ~= '0' then
    local entry = entry_at(prefix .. 'log', number(args[4]))
    if not entry or entry[2] ~= args[5] then
      return LOST
    end
    events_applied = number(entry[8])
  end
  -- Last of all: the entry ahead whose time fired timers of this round.
  local ahead_seq, ahead_nonce = args[#args - 1], args[#args]
  if ahead_seq ~= '0' then
    local entry = entry_at(prefix .. 'log', number(ahead_seq))
    if not entry or entry[2] ~= ahead_nonce then
      return LOST
    end
  end
  local ordinal, outbox = number(h[9]), number(args[19])
  if outbox > 0 and number(args[12]) ~= ordinal + 1 then
    return redis.error_reply('ERR outbox rows must go on from ordinal ' .. digits(ordinal))
  end

  local at = write_customers(prefix, args, FIRST_VALUE)
  at = each(at, outbox, 3, function(i)
    ordinal = ordinal + 1
    if args[i] == '' then
      redis.call('XADD', prefix .. 'out', digits(ordinal) .. '-0', 'l', args[i + 1], 'i', args[i + 2])
    else
      redis.call('XADD', prefix .. 'out', digits(ordinal) .. '-0', 'l', args[i + 1], 'i', args[i + 2], 't', args[i])
    end
  end)
  local dead = number(args[20])
  at = each(at, dead, 2, function(i)
    set_aside(prefix, args[i], args[i + 1])
  end)
  at = write('HSET', prefix .. 'camp', args, at, 2 * number(args[21]))
  at = write('HDEL', prefix .. 'camp', args, at, number(args[22]))

  local changes = number(h[10]) + 1
  redis.call('XADD', prefix .. 'chg', 'MAXLEN', '~', CHANGES_MAX, digits(changes) .. '-0',
    'e', args[1], 'w', args[2], 'p', args[4], 'u', args[9])
  local claims = h[15] or '0'
  if number(args[4]) > number(args[3]) then
    claims = '0'
  end
  redis.call('HSET', head, 'position', args[4], 'position_ts', args[6], 'position_nonce', args[5],
    'events_applied', events_applied, 'claims', claims, 'ordinal', ordinal, 'changes', changes,
    'applied', number(h[11]) + number(args[7]), 'duplicates', number(h[12]) + number(args[8]), 'dead', number(h[13]) + dead)
  at = each(at, number(args[23]), 2, function(i)
    local given_ms = args[11]
    if given_ms == '' then
      given_ms = h[2]
    end
    add_entry(head, h, given_ms, args[11] == '', 0, args[i], args[i + 1])
  end)
  -- The ids beside a deleted record go with the ids replaced, its deadline with those gone.
  at = write('HDEL', prefix .. 'rec', args, at, number(args[24]))
  at = write('HDEL', prefix .. 'past', args, at, number(args[25]))
  at = write('HSET', prefix .. 'rcv', args, at, 2 * number(args[26]))
  write('HDEL', prefix .. 'rcv', args, at, number(args[27]))
  return DONE
end

-- args: ordinal, lineage ("" is not checked), and a dead letter where the row was refused. Answers how many rows went.
local function acknowledge_outbox(keys, args)
  local head = keys[1]
  local out = prefix_of(head) .. 'out'
  if args[2] ~= '' then
    local id = args[1] .. '-0'
    local row = redis.call('XRANGE', out, id, id)[1]
    if not row or row[2][2] ~= args[2] then
      return 0
    end
  end
  local h = redis.call('HMGET', head, 'ordinal', 'out_acked')
  local up_to = math.min(number(args[1]), number(h[1]))
  redis.call('HSET', head, 'out_acked', math.max(up_to, number(h[2])))
  if args[3] then
    set_aside(prefix_of(head), '0', args[3])
    redis.call('HINCRBY', head, 'dead', 1)
  end
  return redis.call('XTRIM', out, 'MINID', '=', digits(up_to + 1) .. '-0')
end
