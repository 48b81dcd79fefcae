package users

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/fields"
	"github.com/splitboard/splitboard/internal/store"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// get reads a user. It returns ErrNotFound.
func get(users *bbolt.Bucket, id int64) (*usersv1.User, error) {
	return decode(users.Get(idKey(id)))
}

func decode(value []byte) (*usersv1.User, error) {
	if value == nil {
		return nil, ErrNotFound
	}
	u := new(usersv1.User)
	if err := proto.Unmarshal(value, u); err != nil {
		return nil, fmt.Errorf("reading a user: %w", err)
	}
	return u, nil
}

// getByUsername reads the user who has a username, in any case. It returns ErrNotFound.
func getByUsername(tx *bbolt.Tx, username string) (*usersv1.User, error) {
	id := tx.Bucket(byUsernameBucket).Get(usernameKey(username))
	if id == nil {
		return nil, ErrNotFound
	}
	return decode(tx.Bucket(usersBucket).Get(id))
}

// create stores a new user with the fields that a client sets. It returns
// ErrUsernameTaken.
func create(tx *store.Tx, from *usersv1.User, now *timestamppb.Timestamp) (*usersv1.User, error) {
	id, err := tx.NextID(usersBucket)
	if err != nil {
		return nil, err
	}
	u := &usersv1.User{
		Id: id, Username: from.GetUsername(), Name: from.GetName(), Bio: from.GetBio(),
		CreateTime: now, UpdateTime: now, Etag: etag.Strong(tx.Sequence()),
	}
	if err := claim(tx, u); err != nil {
		return nil, err
	}
	return u, put(tx, u)
}

// update changes the fields of a user that paths name. A change that changes nothing
// writes nothing. It returns ErrNotFound, etag.ErrMismatch or ErrUsernameTaken.
func update(tx *store.Tx, req *usersv1.UpdateUserRequest, paths []string, now *timestamppb.Timestamp) (*usersv1.User, error) {
	u, err := get(tx.Bucket(usersBucket), req.GetId())
	if err != nil {
		return nil, err
	}
	if err := etag.Guard(req.GetEtag(), u.GetEtag()); err != nil {
		return nil, err
	}
	before := usernameKey(u.GetUsername())
	if !fields.Copy(u, req.GetUser(), paths) {
		return u, nil
	}
	u.UpdateTime, u.Etag = now, etag.Strong(tx.Sequence())
	if string(before) != string(usernameKey(u.GetUsername())) {
		if err := claim(tx, u); err != nil {
			return nil, err
		}
		if err := tx.Delete(byUsernameBucket, before); err != nil {
			return nil, err
		}
	}
	return u, put(tx, u)
}

// claim gives the user their username. It returns ErrUsernameTaken.
func claim(tx *store.Tx, u *usersv1.User) error {
	key := usernameKey(u.GetUsername())
	if holder := tx.Get(byUsernameBucket, key); holder != nil {
		return ErrUsernameTaken.WithField("username", fmt.Sprintf("user %d has it", binary.BigEndian.Uint64(holder)))
	}
	return tx.Put(byUsernameBucket, key, idKey(u.GetId()))
}

func put(tx *store.Tx, u *usersv1.User) error {
	value, err := proto.Marshal(u)
	if err != nil {
		return err
	}
	return tx.Put(usersBucket, idKey(u.GetId()), value)
}
