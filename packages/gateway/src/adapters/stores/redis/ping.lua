-- Fails where a reservation would: on a replica, without memory, without a disk that Redis insists on.
return redis.call('SET', KEYS[1], 1, 'PX', 1000)
