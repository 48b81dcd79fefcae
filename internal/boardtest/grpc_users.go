package boardtest

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// runUsers tries every RPC of the users service.
func runUsers(t *testing.T, b *clients) {
	create := func(t *testing.T, u *usersv1.User) error {
		_, err := b.users.CreateUser(deadline(t), &usersv1.CreateUserRequest{User: u})
		return err
	}
	get := func(t *testing.T, id int64) *usersv1.User {
		t.Helper()
		res, err := b.users.GetUser(deadline(t), &usersv1.GetUserRequest{Id: id})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetUser()
	}
	list := func(t *testing.T, req *usersv1.ListUsersRequest) *usersv1.ListUsersResponse {
		t.Helper()
		res, err := b.users.ListUsers(deadline(t), req)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}

	t.Run("CreateUser", func(t *testing.T) {
		username := "C_" + unique()
		u := b.createUser(t, &usersv1.User{
			Id: 999999997, Username: username, Name: "Ann", Bio: "Rows\nand\tsings",
			CreateTime: &timestamppb.Timestamp{Seconds: 1}, UpdateTime: &timestamppb.Timestamp{Seconds: 2}, Etag: `"zz"`,
		})
		wantStamps(t, u.GetId(), u.GetCreateTime(), u.GetUpdateTime(), u.GetEtag())
		wantEqual(t, "the user", u, &usersv1.User{
			Id: u.GetId(), Username: username, Name: "Ann", Bio: "Rows\nand\tsings",
			CreateTime: u.GetCreateTime(), UpdateTime: u.GetUpdateTime(), Etag: u.GetEtag(),
		})
		if u.GetId() == 999999997 || u.GetCreateTime().GetSeconds() == 1 || u.GetEtag() == `"zz"` {
			t.Error("output only fields were taken from the request")
		}
		wantEqual(t, "the user read", get(t, u.GetId()), u)
		if next := b.someUser(t); next.GetId() <= u.GetId() || next.GetEtag() == u.GetEtag() {
			t.Errorf("after %v came %v", u, next)
		}

		wantFailure(t, create(t, &usersv1.User{Username: strings.ToLower(username), Name: "B"}), "USERNAME_TAKEN", "username")
		wantFailure(t, create(t, nil), "INVALID_FIELD", "username", "name")
		wantFailure(t, create(t, &usersv1.User{}), "INVALID_FIELD", "username", "name")
		wantFailure(t, create(t, &usersv1.User{Username: "a b", Name: strings.Repeat("é", 101), Bio: "\x00"}), "INVALID_FIELD", "username", "name", "bio")
		wantFailure(t, create(t, &usersv1.User{Username: strings.Repeat("a", 33), Name: "A", Bio: strings.Repeat("🚀", 1001)}), "INVALID_FIELD", "username", "bio")
	})

	t.Run("GetUser", func(t *testing.T) {
		for id, reason := range map[int64]string{999999999: "USER_NOT_FOUND", 1<<63 - 1: "USER_NOT_FOUND", 0: "INVALID_FIELD", -1: "INVALID_FIELD"} {
			_, err := b.users.GetUser(deadline(t), &usersv1.GetUserRequest{Id: id})
			if reason == "INVALID_FIELD" {
				wantFailure(t, err, reason, "id")
			} else {
				wantFailure(t, err, reason)
			}
		}
	})

	t.Run("ListUsers", func(t *testing.T) {
		for range 5 {
			b.someUser(t)
		}
		res := list(t, &usersv1.ListUsersRequest{PageSize: 1000})
		wantTag(t, res.GetEtag(), "W/")
		wantOrder(t, res.GetUsers(), (*usersv1.User).GetId, false)
		res = list(t, &usersv1.ListUsersRequest{PageSize: 3, OrderBy: "id desc"})
		wantOrder(t, res.GetUsers(), (*usersv1.User).GetId, true)
		if len(res.GetUsers()) != 3 || res.GetNextPageToken() == "" {
			t.Errorf("a page of 3 has %d and the next token %q", len(res.GetUsers()), res.GetNextPageToken())
		}
		next := list(t, &usersv1.ListUsersRequest{PageSize: 2, OrderBy: "id desc", PageToken: res.GetNextPageToken()})
		wantOrder(t, append(res.GetUsers(), next.GetUsers()...), (*usersv1.User).GetId, true)

		u := b.someUser(t)
		res = list(t, &usersv1.ListUsersRequest{Username: strings.ToUpper(u.GetUsername())})
		if len(res.GetUsers()) != 1 || res.GetNextPageToken() != "" {
			t.Fatalf("listing by username gave %v", res)
		}
		wantEqual(t, "the user listed", res.GetUsers()[0], u)
		if res := list(t, &usersv1.ListUsersRequest{Username: "nobody-" + unique()}); len(res.GetUsers()) != 0 || res.GetNextPageToken() != "" || res.GetEtag() == "" {
			t.Errorf("listing by no user's name gave %v", res)
		}
		first, again := list(t, &usersv1.ListUsersRequest{}), list(t, &usersv1.ListUsersRequest{})
		if first.GetEtag() != again.GetEtag() {
			t.Errorf("the tag went from %s to %s without a change", first.GetEtag(), again.GetEtag())
		}
		b.someUser(t)
		if after := list(t, &usersv1.ListUsersRequest{}); after.GetEtag() == first.GetEtag() {
			t.Errorf("the tag is %s before and after a change", first.GetEtag())
		}

		for _, bad := range []struct {
			req    *usersv1.ListUsersRequest
			reason string
			fields []string
		}{
			{&usersv1.ListUsersRequest{PageSize: -1}, "INVALID_FIELD", []string{"pageSize"}},
			{&usersv1.ListUsersRequest{OrderBy: "name"}, "INVALID_FIELD", []string{"orderBy"}},
			{&usersv1.ListUsersRequest{PageSize: -1, OrderBy: "id up"}, "INVALID_FIELD", []string{"pageSize", "orderBy"}},
			{&usersv1.ListUsersRequest{PageToken: "nonsense"}, "INVALID_PAGE_TOKEN", nil},
			{&usersv1.ListUsersRequest{PageToken: next.GetNextPageToken()}, "INVALID_PAGE_TOKEN", nil},
			{&usersv1.ListUsersRequest{PageToken: next.GetNextPageToken(), OrderBy: "id desc", Username: "x"}, "INVALID_PAGE_TOKEN", nil},
		} {
			_, err := b.users.ListUsers(deadline(t), bad.req)
			wantFailure(t, err, bad.reason, bad.fields...)
		}
	})

	t.Run("UpdateUser", func(t *testing.T) {
		update := func(t *testing.T, req *usersv1.UpdateUserRequest) *usersv1.User {
			t.Helper()
			res, err := b.users.UpdateUser(deadline(t), req)
			if err != nil {
				t.Fatal(err)
			}
			return res.GetUser()
		}
		other := b.someUser(t)
		for _, c := range []struct {
			name   string
			req    *usersv1.UpdateUserRequest // its id is set below
			change func(want *usersv1.User)   // nil if nothing shall change
		}{
			{"a path", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N", Bio: "B"}, UpdateMask: mask("name")}, func(u *usersv1.User) { u.Name = "N" }},
			{"an empty value by its path", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, UpdateMask: mask("bio")}, func(u *usersv1.User) { u.Bio = "" }},
			{"no mask", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}}, func(u *usersv1.User) { u.Name = "N" }},
			{"an empty mask", &usersv1.UpdateUserRequest{User: &usersv1.User{Bio: "B", Id: 7, Etag: "x"}, UpdateMask: mask()}, func(u *usersv1.User) { u.Bio = "B" }},
			{"star", &usersv1.UpdateUserRequest{User: &usersv1.User{Username: unique(), Name: "N"}, UpdateMask: mask("*")}, nil},
			{"a path twice", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, UpdateMask: mask("name", "name")}, func(u *usersv1.User) { u.Name = "N" }},
			{"output only paths", &usersv1.UpdateUserRequest{User: &usersv1.User{Id: 7, Bio: "B"}, UpdateMask: mask("id", "create_time", "update_time", "etag", "bio")}, func(u *usersv1.User) { u.Bio = "B" }},
			{"only output only paths", &usersv1.UpdateUserRequest{User: &usersv1.User{Id: 7, Name: "N"}, UpdateMask: mask("id", "etag")}, nil},
			{"the same value", &usersv1.UpdateUserRequest{User: &usersv1.User{Bio: "Says little"}, UpdateMask: mask("bio")}, nil},
			{"no user, no mask", &usersv1.UpdateUserRequest{}, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				before := b.someUser(t)
				c.req.Id = before.GetId()
				want := proto.CloneOf(before)
				change := c.change
				if c.name == "star" {
					change = func(u *usersv1.User) { u.Username, u.Name, u.Bio = c.req.GetUser().GetUsername(), "N", "" }
				}
				got := update(t, c.req)
				if change != nil {
					change(want)
					if got.GetEtag() == before.GetEtag() || got.GetUpdateTime().AsTime().Before(before.GetUpdateTime().AsTime()) {
						t.Errorf("after a change the etag is %s, of %v", got.GetEtag(), got.GetUpdateTime())
					}
					want.Etag, want.UpdateTime = got.GetEtag(), got.GetUpdateTime()
				}
				wantEqual(t, "the user after the change", got, want)
				wantEqual(t, "the user read after the change", get(t, before.GetId()), want)
			})
		}
		for _, c := range []struct {
			name   string
			req    *usersv1.UpdateUserRequest // its id is set below if it is 0
			reason string
			fields []string
		}{
			{"no such user", &usersv1.UpdateUserRequest{Id: 999999999, User: &usersv1.User{Name: "N"}}, "USER_NOT_FOUND", nil},
			{"a bad id", &usersv1.UpdateUserRequest{Id: -1, User: &usersv1.User{Name: "N"}}, "INVALID_FIELD", []string{"id"}},
			{"an unknown path", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, UpdateMask: mask("name", "color")}, "INVALID_FIELD", []string{"updateMask"}},
			{"a path below a field", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, UpdateMask: mask("create_time.seconds")}, "INVALID_FIELD", []string{"updateMask"}},
			{"a path in JSON's writing", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, UpdateMask: mask("createTime")}, "INVALID_FIELD", []string{"updateMask"}},
			{"a path with the message's name", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, UpdateMask: mask("user.name")}, "INVALID_FIELD", []string{"updateMask"}},
			{"star with invalid fields", &usersv1.UpdateUserRequest{User: &usersv1.User{Bio: "\x01"}, UpdateMask: mask("*")}, "INVALID_FIELD", []string{"username", "name", "bio"}},
			{"an empty required field", &usersv1.UpdateUserRequest{User: &usersv1.User{Bio: "B"}, UpdateMask: mask("name")}, "INVALID_FIELD", []string{"name"}},
			{"all wrong at once", &usersv1.UpdateUserRequest{Id: -1, User: &usersv1.User{Username: "é"}, UpdateMask: mask("username", "color")}, "INVALID_FIELD", []string{"id", "updateMask", "username"}},
			{"a username in use", &usersv1.UpdateUserRequest{User: &usersv1.User{Username: strings.ToUpper(other.GetUsername())}}, "USERNAME_TAKEN", []string{"username"}},
			{"another etag", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, Etag: other.GetEtag()}, "ETAG_MISMATCH", nil},
			{"a weak etag", &usersv1.UpdateUserRequest{User: &usersv1.User{Name: "N"}, Etag: "W/" + other.GetEtag()}, "ETAG_MISMATCH", nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				before := b.someUser(t)
				if c.req.GetId() == 0 {
					c.req.Id = before.GetId()
				}
				_, err := b.users.UpdateUser(deadline(t), c.req)
				wantFailure(t, err, c.reason, c.fields...)
				wantEqual(t, "the user after a refused change", get(t, before.GetId()), before)
			})
		}
		t.Run("the current etag", func(t *testing.T) {
			u := b.someUser(t)
			changed := update(t, &usersv1.UpdateUserRequest{Id: u.GetId(), User: &usersv1.User{Name: "N"}, Etag: u.GetEtag()})
			_, err := b.users.UpdateUser(deadline(t), &usersv1.UpdateUserRequest{Id: u.GetId(), User: &usersv1.User{Name: "M"}, Etag: u.GetEtag()})
			wantFailure(t, err, "ETAG_MISMATCH")
			update(t, &usersv1.UpdateUserRequest{Id: u.GetId(), User: &usersv1.User{Name: "M"}, Etag: changed.GetEtag()})
		})
	})
}
