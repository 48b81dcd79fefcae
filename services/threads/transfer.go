package threads

import (
	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
)

// Table is how threads come from a file and go to it.
func Table() transfer.Table {
	return transfer.NewTable(transfer.Codec[threadsv1.Thread]{
		Section: "threads",
		Columns: func(t *threadsv1.Thread) []transfer.Column {
			return []transfer.Column{
				transfer.ID(&t.Id),
				transfer.Text("title", &t.Title),
				transfer.Ref("createdBy", "users", &t.CreatedBy),
			}
		},
		Validate: validate,
		Insert:   insert,
		Indexes: []transfer.Index{
			{Column: "createdBy", Put: func(tx *store.Tx, creator, id int64) error {
				return tx.Put(byCreatorBucket, creatorKey(creator, id), nil)
			}},
		},
		Scan: scan,
	})
}

// insert stores a thread under the id that it has. Its creator comes to know of it
// through the table's index.
func insert(tx *store.Tx, t *threadsv1.Thread, now *timestamppb.Timestamp) error {
	if err := tx.SetNextID(threadsBucket, t.GetId()); err != nil {
		return err
	}
	t.CreateTime, t.UpdateTime, t.Etag = now, now, etag.Strong(tx.Sequence())
	return put(tx, t)
}

// scan visits all threads by id.
func scan(tx *bbolt.Tx, visit func(*threadsv1.Thread) error) error {
	return tx.Bucket(threadsBucket).ForEach(func(_, value []byte) error {
		t, err := decode(value)
		if err != nil {
			return err
		}
		return visit(t)
	})
}
