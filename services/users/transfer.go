package users

import (
	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// Table is how users come from a file and go to it.
func Table() transfer.Table {
	return transfer.NewTable(transfer.Codec[usersv1.User]{
		Section: "users",
		Columns: func(u *usersv1.User) []transfer.Column {
			return []transfer.Column{
				transfer.ID(&u.Id),
				transfer.Text("username", &u.Username),
				transfer.Text("name", &u.Name),
				transfer.Text("bio", &u.Bio),
			}
		},
		Validate: validate,
		Insert:   insert,
		Scan:     scan,
	})
}

// insert stores a user under the id that they have. It returns ErrUsernameTaken.
func insert(tx *store.Tx, u *usersv1.User, now *timestamppb.Timestamp) error {
	if err := tx.SetNextID(usersBucket, u.GetId()); err != nil {
		return err
	}
	u.CreateTime, u.UpdateTime, u.Etag = now, now, etag.Strong(tx.Sequence())
	if err := claim(tx, u); err != nil {
		return err
	}
	return put(tx, u)
}

// scan visits all users by id.
func scan(tx *bbolt.Tx, visit func(*usersv1.User) error) error {
	return tx.Bucket(usersBucket).ForEach(func(_, value []byte) error {
		u, err := decode(value)
		if err != nil {
			return err
		}
		return visit(u)
	})
}
