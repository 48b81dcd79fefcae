package posts

import (
	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/fields"
	"github.com/splitboard/splitboard/internal/store"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// get reads a post. It returns ErrNotFound.
func get(posts *bbolt.Bucket, id int64) (*postsv1.Post, error) {
	return decode(posts.Get(idKey(id)))
}

// create stores a new post with the fields that a client sets.
func create(tx *store.Tx, from *postsv1.Post, now *timestamppb.Timestamp) (*postsv1.Post, error) {
	id, err := tx.NextID(postsBucket)
	if err != nil {
		return nil, err
	}
	p := &postsv1.Post{
		Id: id, Thread: from.GetThread(), Text: from.GetText(), User: from.GetUser(),
		CreateTime: now, UpdateTime: now, Etag: etag.Strong(tx.Sequence()),
	}
	if err := tx.Put(byUserBucket, pairKey(p.GetUser(), id), nil); err != nil {
		return nil, err
	}
	return p, put(tx, p)
}

// update changes the fields of a post that paths name. A change that changes nothing
// writes nothing. It returns ErrNotFound or etag.ErrMismatch.
func update(tx *store.Tx, req *postsv1.UpdatePostRequest, paths []string, now *timestamppb.Timestamp) (*postsv1.Post, error) {
	p, err := get(tx.Bucket(postsBucket), req.GetId())
	if err != nil {
		return nil, err
	}
	if err := etag.Guard(req.GetEtag(), p.GetEtag()); err != nil {
		return nil, err
	}
	if !fields.Copy(p, req.GetPost(), paths) {
		return p, nil
	}
	p.UpdateTime, p.Etag = now, etag.Strong(tx.Sequence())
	return p, put(tx, p)
}

// remove deletes a post. It returns ErrNotFound or etag.ErrMismatch.
func remove(tx *store.Tx, req *postsv1.DeletePostRequest) error {
	p, err := get(tx.Bucket(postsBucket), req.GetId())
	if err != nil {
		return err
	}
	if err := etag.Guard(req.GetEtag(), p.GetEtag()); err != nil {
		return err
	}
	if err := tx.Delete(inThreadBucket, pairKey(p.GetThread(), p.GetId())); err != nil {
		return err
	}
	if err := tx.Delete(byUserBucket, pairKey(p.GetUser(), p.GetId())); err != nil {
		return err
	}
	return tx.Delete(postsBucket, idKey(p.GetId()))
}

// put stores a post and its copy among its thread's.
func put(tx *store.Tx, p *postsv1.Post) error {
	value, err := proto.Marshal(p)
	if err != nil {
		return err
	}
	if err := tx.Put(inThreadBucket, pairKey(p.GetThread(), p.GetId()), value); err != nil {
		return err
	}
	return tx.Put(postsBucket, idKey(p.GetId()), value)
}
