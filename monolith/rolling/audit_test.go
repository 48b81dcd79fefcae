package rolling

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// A finding is what an audit has against a store.
type finding struct {
	lost    []string // acknowledged, and not there
	doubled []string // there more than once
	changed []string // not as it was acknowledged last
	strange []string // there, and acknowledged to nobody
}

// audit holds the users that are there against those that were acknowledged, by username.
func audit(acknowledged map[string]*usersv1.User, stored []*usersv1.User) finding {
	var f finding
	seen := make(map[string]bool)
	for _, u := range stored {
		name := u.GetUsername()
		switch told, ok := acknowledged[name]; {
		case seen[name]:
			f.doubled = append(f.doubled, name)
		case !ok:
			f.strange = append(f.strange, name)
		case !proto.Equal(u, told):
			f.changed = append(f.changed, name)
		}
		seen[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(acknowledged)) {
		if !seen[name] {
			f.lost = append(f.lost, name)
		}
	}
	return f
}

func (f finding) ok() bool {
	return len(f.lost)+len(f.doubled)+len(f.changed)+len(f.strange) == 0
}

func (f finding) String() string {
	return fmt.Sprintf("lost %q, doubled %q, changed %q, strange %q", f.lost, f.doubled, f.changed, f.strange)
}

func TestAudit(t *testing.T) {
	user := func(name, bio string) *usersv1.User { return &usersv1.User{Username: name, Bio: bio} }
	told := map[string]*usersv1.User{"a": user("a", "1"), "b": user("b", "1"), "c": user("c", "1"), "d": user("d", "1")}
	got := audit(told, []*usersv1.User{user("a", "1"), user("c", "1"), user("c", "1"), user("d", "2"), user("e", "1")})
	if want := `lost ["b"], doubled ["c"], changed ["d"], strange ["e"]`; got.String() != want || got.ok() {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := audit(told, slices.Collect(maps.Values(told))); !got.ok() {
		t.Errorf("it has %s against what is right", got)
	}
}
