package posts

import (
	"bytes"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// Table is how posts come from a file and go to it.
func Table() transfer.Table {
	return transfer.NewTable(transfer.Codec[postsv1.Post]{
		Section: "posts",
		Columns: func(p *postsv1.Post) []transfer.Column {
			return []transfer.Column{
				transfer.Ref("thread", "threads", &p.Thread),
				transfer.Text("text", &p.Text),
				transfer.Ref("user", "users", &p.User),
				transfer.Place(&p.Id),
			}
		},
		Validate: validate,
		Insert:   insert,
		Indexes: []transfer.Index{
			{Column: "thread", Put: func(tx *store.Tx, thread, id int64) error {
				return tx.Put(inThreadBucket, pairKey(thread, id), bytes.Clone(tx.Get(postsBucket, idKey(id))))
			}},
			{Column: "user", Put: func(tx *store.Tx, user, id int64) error {
				return tx.Put(byUserBucket, pairKey(user, id), nil)
			}},
		},
		Scan: scan,
	})
}

// insert stores a post under the id that it has. Its thread and its user come to know of
// it through the table's indexes.
func insert(tx *store.Tx, p *postsv1.Post, now *timestamppb.Timestamp) error {
	if err := tx.SetNextID(postsBucket, p.GetId()); err != nil {
		return err
	}
	p.CreateTime, p.UpdateTime, p.Etag = now, now, etag.Strong(tx.Sequence())
	value, err := proto.Marshal(p)
	if err != nil {
		return err
	}
	return tx.Put(postsBucket, idKey(p.GetId()), value)
}

// scan visits all posts by id.
func scan(tx *bbolt.Tx, visit func(*postsv1.Post) error) error {
	return tx.Bucket(postsBucket).ForEach(func(_, value []byte) error {
		p, err := decode(value)
		if err != nil {
			return err
		}
		return visit(p)
	})
}
