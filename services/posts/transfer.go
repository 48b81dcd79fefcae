package posts

import (
	"go.etcd.io/bbolt"
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
		Scan:     scan,
	})
}

// insert stores a post under the id that it has.
func insert(tx *store.Tx, p *postsv1.Post, now *timestamppb.Timestamp) error {
	if err := tx.SetNextID(postsBucket, p.GetId()); err != nil {
		return err
	}
	p.CreateTime, p.UpdateTime, p.Etag = now, now, etag.Strong(tx.Sequence())
	if err := tx.Put(byUserBucket, pairKey(p.GetUser(), p.GetId()), nil); err != nil {
		return err
	}
	return put(tx, p)
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
