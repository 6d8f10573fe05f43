-- What is one for the whole installation. Continues store_review.lua; registers everything.

-- args: format, partitions, clock, now ms. Creates what is not there; answers what is: {format, partitions, clock}.
local function installation(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    redis.call('HSET', keys[1], 'format', args[1], 'partitions', args[2], 'clock', args[3], 'created_at_ms', args[4])
  end
  return redis.call('HMGET', keys[1], 'format', 'partitions', 'clock')
end

-- args: shards wanted. Another number than the stored one makes a new generation. Answers {generation, shards}.
local function assign(keys, args)
  local h = redis.call('HMGET', keys[1], 'generation', 'shard_count')
  local generation = number(h[1])
  if h[2] ~= args[1] then
    generation = generation + 1
    redis.call('HSET', keys[1], 'generation', generation, 'shard_count', args[1])
  end
  return {generation, number(args[1])}
end

-- What lets a backlog shrink must work when the memory limit is reached; what lets it grow must not.
redis.register_function{function_name = 'NAME_append', callback = append}
redis.register_function{function_name = 'NAME_tick', callback = tick, flags = {'allow-oom'}}
redis.register_function{function_name = 'NAME_trim', callback = trim, flags = {'allow-oom'}}
redis.register_function{function_name = 'NAME_claim', callback = claim, flags = {'allow-oom'}}
redis.register_function{function_name = 'NAME_mark_trying', callback = mark_trying, flags = {'allow-oom'}}
redis.register_function{function_name = 'NAME_review', callback = review, flags = {'allow-oom'}}
redis.register_function{function_name = 'NAME_commit', callback = commit, flags = {'allow-oom'}}
redis.register_function{function_name = 'NAME_acknowledge_outbox', callback = acknowledge_outbox, flags = {'allow-oom'}}
redis.register_function{function_name = 'NAME_installation', callback = installation}
redis.register_function{function_name = 'NAME_assign', callback = assign}
