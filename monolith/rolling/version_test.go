package rolling

import (
	"bytes"
	"context"
	"os"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/services/users"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

var (
	usersBucket = users.Schema.Buckets[0].Name
	// lastReadBucket maps a user's id to when the user was read last. The first version
	// does not know it.
	lastReadBucket = []byte("users_last_read")
)

// rowsInAStep is how many rows a step of the migration rewrites.
const rowsInAStep = 20

// secondVersion gives the users service as its next version might be: it keeps something
// more in a bucket of its own, and its migration rewrites all users. If dies is not 0, the
// process kills itself in that step.
func secondVersion(s serve.Service, dies int) serve.Service {
	whole, check := s.New, s.Schema.Check
	s.Schema.Version++
	s.Schema.Buckets = append(slices.Clone(s.Schema.Buckets), store.Bucket{Name: lastReadBucket, Since: s.Schema.Version})
	s.Schema.Check = func(tx *bbolt.Tx, report func(format string, args ...any)) error {
		if err := check(tx, report); err != nil {
			return err
		}
		return checkLastRead(tx, report)
	}
	steps := 0
	s.Schema.Migrations = []store.Migration{{Version: s.Schema.Version, Step: func(tx *store.Tx) (bool, error) {
		done, err := capitalize(tx)
		if steps++; steps == dies { // after it has written, before the commit
			return done, syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return done, err
	}}}
	s.New = func(st *store.Store, peers map[string]grpc.ClientConnInterface) any {
		return &secondUsers{whole(st, peers).(usersv1.UsersServiceServer), st}
	}
	return s
}

// secondUsers notes when a user was read.
type secondUsers struct {
	usersv1.UsersServiceServer
	store *store.Store
}

func (s *secondUsers) GetUser(ctx context.Context, req *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	resp, err := s.UsersServiceServer.GetUser(ctx, req)
	if err != nil {
		return nil, err
	}
	id, err := proto.Marshal(&usersv1.User{Id: req.GetId()})
	if err != nil {
		return nil, err
	}
	now, err := s.store.Now().MarshalBinary()
	if err != nil {
		return nil, err
	}
	return store.Mutate(ctx, s.store, usersv1.UsersService_GetUser_FullMethodName, req,
		func(tx *store.Tx) (*usersv1.GetUserResponse, error) { return resp, tx.Put(lastReadBucket, id, now) })
}

// checkLastRead reports every row that does not say when something was read.
func checkLastRead(tx *bbolt.Tx, report func(format string, args ...any)) error {
	rows := tx.Bucket(lastReadBucket)
	if rows == nil {
		return nil // the file is the first version's
	}
	return rows.ForEach(func(k, v []byte) error {
		var u usersv1.User
		var at time.Time
		if proto.Unmarshal(k, &u) != nil || u.GetId() == 0 || at.UnmarshalBinary(v) != nil {
			report("%s %x: %x", lastReadBucket, k, v)
		}
		return nil
	})
}

// capitalize is a step of the migration: it writes the bios of some users in capitals.
func capitalize(tx *store.Tx) (bool, error) {
	type row struct{ key, value []byte }
	var rewritten []row
	c := tx.Bucket(usersBucket).Cursor()
	for k, v := c.First(); k != nil && len(rewritten) < rowsInAStep; k, v = c.Next() {
		var u usersv1.User
		if err := proto.Unmarshal(v, &u); err != nil {
			return false, err
		}
		bio := bytes.ToUpper([]byte(u.GetBio()))
		if string(bio) == u.GetBio() {
			continue
		}
		u.Bio = string(bio)
		value, err := proto.Marshal(&u)
		if err != nil {
			return false, err
		}
		rewritten = append(rewritten, row{k, value})
	}
	for _, r := range rewritten {
		if err := tx.Put(usersBucket, r.key, r.value); err != nil {
			return false, err
		}
	}
	return len(rewritten) < rowsInAStep, nil
}
