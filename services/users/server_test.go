package users_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/store/storetest"
	"github.com/splitboard/splitboard/services/users"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const ok = errorsv1.Reason_REASON_UNSPECIFIED

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newServer(t *testing.T) (*users.Server, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)}
	return users.NewServer(storetest.Open(t, users.Schema, store.Options{Now: c.Now})), c
}

func create(t *testing.T, s *users.Server, u *usersv1.User) *usersv1.User {
	t.Helper()
	resp, err := s.CreateUser(t.Context(), &usersv1.CreateUserRequest{User: u})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetUser()
}

func TestCreateUserChecksEveryField(t *testing.T) {
	s, _ := newServer(t)
	valid := func(change func(*usersv1.User)) *usersv1.User {
		u := &usersv1.User{Username: "ada", Name: "Ada", Bio: "Counts."}
		change(u)
		return u
	}
	for name, c := range map[string]struct {
		user   *usersv1.User
		fields []string
	}{
		"nothing":               {nil, []string{"username", "name"}},
		"everything wrong":      {&usersv1.User{Username: "a b", Bio: "\x00"}, []string{"username", "name", "bio"}},
		"username too long":     {valid(func(u *usersv1.User) { u.Username = strings.Repeat("a", 33) }), []string{"username"}},
		"username with accents": {valid(func(u *usersv1.User) { u.Username = "adá" }), []string{"username"}},
		"username with newline": {valid(func(u *usersv1.User) { u.Username = "ada\n" }), []string{"username"}},
		"name too long":         {valid(func(u *usersv1.User) { u.Name = strings.Repeat("𝄞", 101) }), []string{"name"}},
		"name of two lines":     {valid(func(u *usersv1.User) { u.Name = "a\nb" }), []string{"name"}},
		"bio too long":          {valid(func(u *usersv1.User) { u.Bio = strings.Repeat("é", 1001) }), []string{"bio"}},
		"bio with DEL":          {valid(func(u *usersv1.User) { u.Bio = "\x7f" }), []string{"bio"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.CreateUser(t.Context(), &usersv1.CreateUserRequest{User: c.user})
			apierrtest.Want(t, err, errorsv1.Reason_REASON_INVALID_FIELD, c.fields...)
		})
	}
	for name, change := range map[string]func(*usersv1.User){
		"longest username": func(u *usersv1.User) { u.Username = strings.Repeat("a", 32) },
		"shortest":         func(u *usersv1.User) { u.Username, u.Name, u.Bio = "_", "-", "" },
		"longest name":     func(u *usersv1.User) { u.Username, u.Name = "n", strings.Repeat("𝄞", 100) },
		"longest bio":      func(u *usersv1.User) { u.Username, u.Bio = "b", strings.Repeat("\n", 1000) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.CreateUser(t.Context(), &usersv1.CreateUserRequest{User: valid(change)})
			apierrtest.Want(t, err, ok)
		})
	}
}

func TestCreateUserIgnoresOutputOnlyFields(t *testing.T) {
	s, _ := newServer(t)
	u := create(t, s, &usersv1.User{Id: 77, Username: "ada", Name: "Ada", Etag: "mine"})
	if u.GetId() != 1 || u.GetEtag() == "mine" {
		t.Errorf("created %v, want the server's own id and etag", u)
	}
	if want := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC); !u.GetCreateTime().AsTime().Equal(want) || !u.GetUpdateTime().AsTime().Equal(want) {
		t.Errorf("created at %v, want %v, to the millisecond", u.GetCreateTime().AsTime(), want)
	}
}

func TestUsernamesAreUniqueWithoutRegardToCase(t *testing.T) {
	s, _ := newServer(t)
	ada := create(t, s, &usersv1.User{Username: "Ada", Name: "Ada"})
	eve := create(t, s, &usersv1.User{Username: "eve", Name: "Eve"})
	rename := func(u *usersv1.User, username string) error {
		_, err := s.UpdateUser(t.Context(), &usersv1.UpdateUserRequest{Id: u.GetId(), User: &usersv1.User{Username: username}})
		return err
	}
	_, err := s.CreateUser(t.Context(), &usersv1.CreateUserRequest{User: &usersv1.User{Username: "aDA", Name: "Other"}})
	apierrtest.Want(t, err, errorsv1.Reason_REASON_USERNAME_TAKEN, "username")
	apierrtest.Want(t, rename(eve, "ADA"), errorsv1.Reason_REASON_USERNAME_TAKEN, "username")
	apierrtest.Want(t, rename(ada, "ADA"), ok)
	apierrtest.Want(t, rename(ada, "ada2"), ok)
	apierrtest.Want(t, rename(eve, "Ada"), ok)

	list, err := s.ListUsers(t.Context(), &usersv1.ListUsersRequest{Username: "aDa"})
	if err != nil || len(list.GetUsers()) != 1 || list.GetUsers()[0].GetId() != eve.GetId() {
		t.Errorf("the user called aDa is %v (%v), want eve", list.GetUsers(), err)
	}
	list, err = s.ListUsers(t.Context(), &usersv1.ListUsersRequest{Username: "nobody"})
	if err != nil || len(list.GetUsers()) != 0 {
		t.Errorf("the user called nobody is %v (%v), want none", list.GetUsers(), err)
	}
}

func TestUpdateUser(t *testing.T) {
	s, c := newServer(t)
	before := create(t, s, &usersv1.User{Username: "ada", Name: "Ada", Bio: "Counts."})
	c.now = c.now.Add(time.Hour)
	mask := func(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
	for _, tc := range []struct {
		name   string
		req    *usersv1.UpdateUserRequest
		want   *usersv1.User // its username, name and bio; nil if the update fails
		reason errorsv1.Reason
		fields []string
	}{
		{name: "no mask, nothing set", req: &usersv1.UpdateUserRequest{}, want: &usersv1.User{Username: "ada", Name: "Ada", Bio: "Counts."}},
		{name: "no mask, one set", req: &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "A. L."}}, want: &usersv1.User{Username: "ada", Name: "A. L.", Bio: "Counts."}},
		{name: "mask clears", req: &usersv1.UpdateUserRequest{UpdateMask: mask("bio")}, want: &usersv1.User{Username: "ada", Name: "A. L."}},
		{name: "mask narrows", req: &usersv1.UpdateUserRequest{User: &usersv1.User{Username: "x", Bio: "Y"}, UpdateMask: mask("bio")}, want: &usersv1.User{Username: "ada", Name: "A. L.", Bio: "Y"}},
		{name: "star", req: &usersv1.UpdateUserRequest{User: &usersv1.User{Username: "ada2", Name: "N"}, UpdateMask: mask("*")}, want: &usersv1.User{Username: "ada2", Name: "N"}},
		{name: "output only path", req: &usersv1.UpdateUserRequest{User: &usersv1.User{Id: 9}, UpdateMask: mask("id", "etag", "create_time")}, want: &usersv1.User{Username: "ada2", Name: "N"}},
		{name: "star clears what must not be empty", req: &usersv1.UpdateUserRequest{UpdateMask: mask("*")}, reason: errorsv1.Reason_REASON_INVALID_FIELD, fields: []string{"username", "name"}},
		{name: "unknown path", req: &usersv1.UpdateUserRequest{UpdateMask: mask("nom")}, reason: errorsv1.Reason_REASON_INVALID_FIELD, fields: []string{"updateMask"}},
		{name: "star among others", req: &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, UpdateMask: mask("*", "name")}, reason: errorsv1.Reason_REASON_INVALID_FIELD, fields: []string{"updateMask"}},
		{name: "no id", req: &usersv1.UpdateUserRequest{Id: -1}, reason: errorsv1.Reason_REASON_INVALID_FIELD, fields: []string{"id"}},
		{name: "no such user", req: &usersv1.UpdateUserRequest{Id: 99}, reason: errorsv1.Reason_REASON_USER_NOT_FOUND},
		{name: "stale etag", req: &usersv1.UpdateUserRequest{Etag: before.GetEtag(), User: &usersv1.User{Name: "late"}}, reason: errorsv1.Reason_REASON_ETAG_MISMATCH},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.req.GetId() == 0 {
				tc.req.Id = before.GetId()
			}
			resp, err := s.UpdateUser(t.Context(), tc.req)
			apierrtest.Want(t, err, tc.reason, tc.fields...)
			if tc.want == nil {
				return
			}
			got := resp.GetUser()
			if got.GetUsername() != tc.want.GetUsername() || got.GetName() != tc.want.GetName() || got.GetBio() != tc.want.GetBio() {
				t.Errorf("after the update: %v, want %v", got, tc.want)
			}
			if !got.GetCreateTime().AsTime().Equal(before.GetCreateTime().AsTime()) || got.GetId() != before.GetId() {
				t.Errorf("the update changed what never changes: %v", got)
			}
			stored, err := s.GetUser(t.Context(), &usersv1.GetUserRequest{Id: before.GetId()})
			if err != nil || !proto.Equal(stored.GetUser(), got) {
				t.Errorf("stored %v (%v), answered %v", stored.GetUser(), err, got)
			}
		})
	}
}

func TestAnUpdateThatChangesNothingKeepsTheEtag(t *testing.T) {
	s, c := newServer(t)
	before := create(t, s, &usersv1.User{Username: "ada", Name: "Ada"})
	c.now = c.now.Add(time.Hour)
	same, err := s.UpdateUser(t.Context(), &usersv1.UpdateUserRequest{Id: before.GetId(), User: &usersv1.User{Name: "Ada"}, Etag: before.GetEtag()})
	if err != nil || !proto.Equal(same.GetUser(), before) {
		t.Errorf("after a change to the same: %v (%v), want %v", same.GetUser(), err, before)
	}
	changed, err := s.UpdateUser(t.Context(), &usersv1.UpdateUserRequest{Id: before.GetId(), User: &usersv1.User{Name: "Ada L."}, Etag: before.GetEtag()})
	if err != nil || changed.GetUser().GetEtag() == before.GetEtag() || !changed.GetUser().GetUpdateTime().AsTime().After(before.GetUpdateTime().AsTime()) {
		t.Errorf("after a real change: %v (%v), want a new etag and update_time", changed.GetUser(), err)
	}
}

func TestGetUser(t *testing.T) {
	s, _ := newServer(t)
	for id, want := range map[int64]errorsv1.Reason{
		0: errorsv1.Reason_REASON_INVALID_FIELD, -1: errorsv1.Reason_REASON_INVALID_FIELD,
		1: errorsv1.Reason_REASON_USER_NOT_FOUND, 1<<63 - 1: errorsv1.Reason_REASON_USER_NOT_FOUND,
	} {
		_, err := s.GetUser(t.Context(), &usersv1.GetUserRequest{Id: id})
		if want == errorsv1.Reason_REASON_INVALID_FIELD {
			apierrtest.Want(t, err, want, "id")
		} else {
			apierrtest.Want(t, err, want)
		}
	}
}

func TestAKeyGivesTheFirstAnswerAgain(t *testing.T) {
	s, _ := newServer(t)
	ctx := store.WithIdempotencyKey(t.Context(), "key")
	req := &usersv1.CreateUserRequest{User: &usersv1.User{Username: "ada", Name: "Ada"}}
	first, err := s.CreateUser(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.CreateUser(ctx, req)
	if err != nil || !proto.Equal(first, again) {
		t.Errorf("again: %v (%v), want %v", again, err, first)
	}
	_, err = s.CreateUser(ctx, &usersv1.CreateUserRequest{User: &usersv1.User{Username: "eve", Name: "Eve"}})
	apierrtest.Want(t, err, errorsv1.Reason_REASON_IDEMPOTENCY_KEY_REUSED)
}
