package rolling

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// exercised are the RPCs that wantAll tries.
var exercised = map[string]bool{"CreateUser": true, "GetUser": true, "UpdateUser": true, "ListUsers": true}

// wantAll tries all RPCs through a process, over both faces, with users whose names begin
// with a prefix.
func wantAll(t *testing.T, p *process, prefix string) {
	t.Helper()
	for face := range faces {
		c := dial(t, face, p)
		created, err := c.create(t.Context(), &usersv1.User{Username: prefix + face, Name: "A name", Bio: "made"})
		if err != nil {
			t.Fatalf("%s: creating: %v", face, err)
		}
		if got, err := c.get(t.Context(), created.GetId()); err != nil || !proto.Equal(got, created) {
			t.Errorf("%s: reading %v gives %v, %v", face, created, got, err)
		}
		updated, err := c.update(t.Context(), created.GetId(), "changed")
		if err != nil || updated.GetBio() != "changed" || updated.GetEtag() == created.GetEtag() {
			t.Errorf("%s: changing %v gives %v, %v", face, created, updated, err)
		}
		list, err := c.named(t.Context(), created.GetUsername())
		if err != nil || len(list) != 1 || list[0].GetId() != created.GetId() || list[0].GetBio() != "changed" {
			t.Errorf("%s: listing %v gives %v, %v", face, updated, list, err)
		}
		if _, err := c.create(t.Context(), created); err == nil {
			t.Errorf("%s: a username is given twice", face)
		}
	}
}

// TestForwarders has either version forward to the other.
func TestForwarders(t *testing.T) {
	t.Parallel()
	for _, m := range usersv1.UsersService_ServiceDesc.Methods {
		if !exercised[m.MethodName] {
			t.Errorf("%s is not tried", m.MethodName)
		}
	}
	for owner, other := range map[version]version{first: second, second: first} {
		t.Run(fmt.Sprintf("the %s version owns", owner), func(t *testing.T) {
			t.Parallel()
			data := shared(t)
			at := owner.start(t, data)
			for _, flags := range [][]string{{"--no-own"}, nil} {
				p := other.start(t, data, flags...)
				wantAll(t, p, fmt.Sprint("u", len(flags)))
				if is := other.status(t, data); is.standing().owner != at.instance {
					t.Errorf("the store is with %q, want %s", is.standing().owner, at.instance)
				}
				if list := p.log.complaints(); len(list) > 0 {
					t.Errorf("it logs %+v", list)
				}
			}
		})
	}
}
