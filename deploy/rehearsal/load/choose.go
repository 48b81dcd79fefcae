package load

import "strconv"

// mortality is which share of posts is created to be deleted: one of so many.
const mortality = 3

var creation = map[string]Kind{Users: CreateUser, Threads: CreateThread, Posts: CreatePost}

// choose decides what to ask next. mine is the client's own resource that is read, nil
// for another's; lasting tells whether what is created stays.
func (c *client) choose() (r request, mine *item, lasting bool) {
	if c.rng.Float64() < c.pool.config.Writes {
		r, lasting = c.write(writes[c.rng.IntN(len(writes))])
		return r, nil, lasting
	}
	k := reads[c.rng.IntN(len(reads))]
	needs := k.Service()
	switch k {
	case ListThreads, ListPostsByUser:
		needs = Users
	case ListPostsInThread:
		needs = Threads
	default:
	}
	if k.Gets() && c.rng.IntN(2) == 0 && len(c.own[needs]) > 0 {
		it := c.own[needs][c.rng.IntN(len(c.own[needs]))]
		return request{kind: k, id: it.id}, &it, false
	}
	it, ok := c.pool.known[needs].pick(c.rng)
	if !ok {
		// There is nothing to read yet.
		r, _ = c.create(creation[needs], true)
		return r, nil, true
	}
	return request{kind: k, id: it.id, username: it.username}, nil, false
}

// write makes a write of a kind, or one that must come before.
func (c *client) write(k Kind) (r request, lasting bool) {
	service := k.Service()
	switch kinds[k].effect {
	case updates:
		if len(c.own[service]) == 0 {
			break
		}
		it := c.own[service][c.rng.IntN(len(c.own[service]))]
		r = request{kind: k, id: it.id}
		if c.rng.IntN(2) == 0 {
			r.match = it.etag
		}
		r.content, r.key = c.content()
		return r, true
	case deletes:
		if len(c.mortal) == 0 {
			break
		}
		i := c.rng.IntN(len(c.mortal))
		it := c.mortal[i]
		c.mortal[i] = c.mortal[len(c.mortal)-1]
		c.mortal = c.mortal[:len(c.mortal)-1]
		r = request{kind: k, id: it.id}
		if c.rng.IntN(2) == 0 {
			r.match = it.etag
		}
		_, r.key = c.content()
		return r, true
	default:
	}
	return c.create(creation[service], c.rng.IntN(mortality) > 0)
}

// create makes a request that creates, or one that must come before. Only posts may be
// deleted: all else lasts.
func (c *client) create(k Kind, lasting bool) (request, bool) {
	r := request{kind: k}
	if k != CreateUser {
		it, ok := c.pool.known[Users].pick(c.rng)
		if !ok {
			return c.create(CreateUser, true)
		}
		r.user = it.id
	}
	if k == CreatePost {
		it, ok := c.pool.known[Threads].pick(c.rng)
		if !ok {
			return c.create(CreateThread, true)
		}
		r.thread = it.id
	} else {
		lasting = true
	}
	r.content, r.key = c.content()
	if k == CreateUser {
		r.username = r.content
	}
	return r, lasting
}

// content gives what nobody has written before: letters, digits and dashes, at most 32
// of them, as a username takes. key is empty where there are to be no keys.
func (c *client) content() (content, key string) {
	c.wrote++
	// One string for both.
	key = "key-c" + strconv.Itoa(c.n) + "-n" + strconv.Itoa(c.wrote) + "-" + c.pool.tag
	content = key[len("key-"):]
	if !c.pool.config.Keys {
		key = ""
	}
	return content, key
}
