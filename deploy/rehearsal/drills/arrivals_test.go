package drills

import (
	"bytes"
	"sync"
	"testing"
)

// arrivals counts the requests that have entered a board's processes, by the ids that
// they were given. A request that a service makes of another has the id of the one that
// it serves, so it does not count; one that a client sent twice would.
type arrivals struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

var requestID = []byte(`"request_id":"`)

// add takes a line of an access log.
func (a *arrivals) add(line []byte) {
	_, id, _ := bytes.Cut(line, requestID)
	id, _, _ = bytes.Cut(id, []byte(`"`))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ids == nil {
		a.ids = map[string]struct{}{}
	}
	a.ids[string(id)] = struct{}{}
}

// count gives how many there are. The processes must have ended, since they write a
// little later.
func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// TestArrivals sees that a request which a client sends twice would be noticed.
func TestArrivals(t *testing.T) {
	var a arrivals
	for _, line := range []string{
		`{"path":"/api/posts","request_id":"aa","remote":"x"}`,
		`{"path":"/splitboard.users.v1.UsersService/GetUser","request_id":"aa","remote":"y"}`, // which the first one needed
		`{"path":"/api/posts","request_id":"bb","remote":"x"}`,
	} {
		a.add([]byte(line))
	}
	if n := a.count(); n != 2 {
		t.Errorf("%d requests have arrived, want 2", n)
	}
}
