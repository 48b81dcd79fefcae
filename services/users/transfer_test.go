package users_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/transfer/transfertest"
	"github.com/splitboard/splitboard/services/users"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const twoUsers = `{
  "users": [
    {
      "id": 2,
      "username": "Ada-2",
      "name": "Ada é",
      "bio": ""
    },
    {
      "id": 9,
      "username": "b",
      "name": "B",
      "bio": "Two\nlines"
    }
  ]
}
`

func TestImportUsers(t *testing.T) {
	store, err := transfertest.Import(t, users.Table(), users.Schema, twoUsers)
	if err != nil {
		t.Fatal(err)
	}
	s := users.NewServer(store)
	now := timestamppb.New(transfertest.Now)
	want := []*usersv1.User{
		{Id: 2, Username: "Ada-2", Name: "Ada é", CreateTime: now, UpdateTime: now, Etag: `"1"`},
		{Id: 9, Username: "b", Name: "B", Bio: "Two\nlines", CreateTime: now, UpdateTime: now, Etag: `"2"`},
	}
	list, err := s.ListUsers(t.Context(), &usersv1.ListUsersRequest{})
	if err != nil || len(list.GetUsers()) != len(want) {
		t.Fatal(list, err)
	}
	for i, u := range list.GetUsers() {
		if !proto.Equal(u, want[i]) {
			t.Errorf("user %d is %v, want %v", i, u, want[i])
		}
	}
	byName, err := s.ListUsers(t.Context(), &usersv1.ListUsersRequest{Username: "aDA-2"})
	if err != nil || len(byName.GetUsers()) != 1 || byName.GetUsers()[0].GetId() != 2 {
		t.Errorf("by username: %v, %v", byName, err)
	}
	if got := transfertest.Export(t, users.Table(), store); got != twoUsers {
		t.Errorf("the export is\n%s", got)
	}
	// Ids go on after the highest.
	if u := create(t, s, &usersv1.User{Username: "c", Name: "C"}); u.GetId() != 10 || u.GetEtag() != `"3"` {
		t.Errorf("the next user is %v", u)
	}
}

func TestImportRefusesUsers(t *testing.T) {
	const usernames = "must have 1 to 32 of the letters A to Z and a to z, digits, `_` and `-`"
	for name, c := range map[string]struct{ user, want string }{
		"two":               {`{"id": 3}`, "board.json:1: users[1]: username: " + usernames + "; name: must have 1 to 100 characters, has 0"},
		"username":          {"{\"id\": 3,\n\"username\": \"a b\",\n\"name\": \"x\"}", "board.json:2: users[1]: username: " + usernames},
		"long username":     {`{"id": 3, "username": "` + strings.Repeat("x", 33) + `", "name": "x"}`, "board.json:1: users[1]: username: " + usernames},
		"long name":         {`{"id": 3, "username": "x", "name": "` + strings.Repeat("é", 101) + `"}`, "board.json:1: users[1]: name: must have 1 to 100 characters, has 101"},
		"name of two lines": {`{"id": 3, "username": "x", "name": "x\ny"}`, "board.json:1: users[1]: name: must have no control characters, has U+000A"},
		"long bio":          {`{"id": 3, "username": "x", "name": "x", "bio": "` + strings.Repeat("x", 1001) + `"}`, "board.json:1: users[1]: bio: must have at most 1000 characters, has 1001"},
		"username is taken": {"{\"id\": 3, \"name\": \"x\",\n\"username\": \"ADA\"}", "board.json:2: users[1]: username: user 1 has it"},
		"field of ours":     {`{"id": 3, "createTime": "2026-01-02T03:04:05Z"}`, `board.json:1: users[1]: there is no field "createTime"`},
	} {
		_, err := transfertest.Import(t, users.Table(), users.Schema, `{"users": [{"id": 1, "username": "Ada", "name": "Ada"}, `+c.user+`]}`)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
	}
}

func TestSample(t *testing.T) {
	s := users.Service()
	store, err := transfertest.Import(t, s.Table, s.Schema, string(s.Sample))
	if err != nil {
		t.Fatal(err)
	}
	if got := transfertest.Export(t, s.Table, store); got != string(s.Sample) {
		t.Errorf("the sample is not written as it is exported:\n%s", got)
	}
}

func FuzzImport(f *testing.F) {
	f.Add(twoUsers)
	f.Add(string(users.Service().Sample))
	f.Fuzz(func(t *testing.T, text string) {
		store, err := transfertest.Import(t, users.Table(), users.Schema, text)
		if err != nil {
			return
		}
		exported := transfertest.Export(t, users.Table(), store)
		again, err := transfertest.Import(t, users.Table(), users.Schema, exported)
		if err != nil {
			t.Fatal(err)
		}
		if got := transfertest.Export(t, users.Table(), again); got != exported {
			t.Errorf("the export of\n%s\nis\n%s", exported, got)
		}
	})
}
