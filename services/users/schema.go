package users

import (
	"encoding/binary"
	"strings"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/store"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// The service's buckets. Ids are 8 bytes big-endian.
var (
	// usersBucket maps an id to its splitboard.users.v1.User.
	usersBucket = []byte("users")
	// byUsernameBucket maps a lower-cased username to its user's id.
	byUsernameBucket = []byte("users_by_username")
)

// Schema says what the service's file holds.
var Schema = store.Schema{
	Service: "users",
	Version: 1,
	Buckets: []store.Bucket{
		{Name: usersBucket, Since: 1, Appended: true},
		{Name: byUsernameBucket, Since: 1},
	},
	Check: check,
}

func idKey(id int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(id)) //nolint:gosec // ids are positive
}

func usernameKey(username string) []byte { return []byte(strings.ToLower(username)) }

// check reports every row that breaks an invariant: each user is readable, stands under
// their own id and within the limits, and has exactly one entry by username.
func check(tx *bbolt.Tx, report func(format string, args ...any)) error {
	users, byUsername := tx.Bucket(usersBucket), tx.Bucket(byUsernameBucket)
	count, entries := 0, 0
	err := users.ForEach(func(k, v []byte) error {
		count++
		var u usersv1.User
		if err := proto.Unmarshal(v, &u); err != nil {
			report("users %x: %v", k, err)
			return nil
		}
		if string(k) != string(idKey(u.GetId())) {
			report("users %x: holds the user with id %d", k, u.GetId())
		}
		if uint64(u.GetId()) > users.Sequence() { //nolint:gosec // ids are positive
			report("users %d: the last id given is %d", u.GetId(), users.Sequence())
		}
		if err := validate(&u); err != nil {
			report("users %d: %v", u.GetId(), err)
		}
		if id := byUsername.Get(usernameKey(u.GetUsername())); string(id) != string(k) {
			report("users %d: users_by_username has %x for %q", u.GetId(), id, u.GetUsername())
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = byUsername.ForEach(func(_, _ []byte) error {
		entries++
		return nil
	})
	if entries != count {
		report("users_by_username has %d entries for %d users", entries, count)
	}
	return err
}
