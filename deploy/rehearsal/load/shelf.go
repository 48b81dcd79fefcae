package load

import (
	"math/rand/v2"
	"sync"
)

// shelfSize is how many resources of a service a pool knows at most.
const shelfSize = 4096

// An item is a resource as its maker was told it.
type item struct {
	id      int64
	content string
	etag    string
	// username is what a user was created with; its name changes.
	username string
}

// A shelf holds resources that nobody will delete, for all clients to read.
type shelf struct {
	mu    sync.Mutex
	items []item
}

func (s *shelf) put(rng *rand.Rand, it item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) < shelfSize {
		s.items = append(s.items, it)
	} else {
		s.items[rng.IntN(shelfSize)] = it
	}
}

// pick gives any of them. There may be none.
func (s *shelf) pick(rng *rand.Rand) (it item, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) == 0 {
		return item{}, false
	}
	return s.items[rng.IntN(len(s.items))], true
}
