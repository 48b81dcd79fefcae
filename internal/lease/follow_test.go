package lease_test

import (
	"testing"
	"time"
)

// A process that forwards nothing is told by nobody that the store has moved, as long as
// the former owner lives.
func TestIdleProcessFollows(t *testing.T) {
	dir := folder(t)
	a := start(t, dir, setup{})
	b := start(t, dir, setup{})
	idle := start(t, dir, setup{})
	forwards(t, idle, a.id)
	if err := a.handOff(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "it follows", func() bool {
		_, owner := idle.lease.Owner()
		return owner == b.id
	})
	idle.want(t, "after")
}
