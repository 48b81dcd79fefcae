package threads

import (
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/etag"
	"github.com/splitboard/splitboard/internal/fields"
	"github.com/splitboard/splitboard/internal/store"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
)

// get reads a thread. It returns ErrNotFound.
func get(threads *bbolt.Bucket, id int64) (*threadsv1.Thread, error) {
	return decode(threads.Get(idKey(id)))
}

func decode(value []byte) (*threadsv1.Thread, error) {
	if value == nil {
		return nil, ErrNotFound
	}
	t := new(threadsv1.Thread)
	if err := proto.Unmarshal(value, t); err != nil {
		return nil, fmt.Errorf("reading a thread: %w", err)
	}
	return t, nil
}

// create stores a new thread with the fields that a client sets.
func create(tx *store.Tx, from *threadsv1.Thread, now *timestamppb.Timestamp) (*threadsv1.Thread, error) {
	id, err := tx.NextID(threadsBucket)
	if err != nil {
		return nil, err
	}
	t := &threadsv1.Thread{
		Id: id, Title: from.GetTitle(), CreatedBy: from.GetCreatedBy(),
		CreateTime: now, UpdateTime: now, Etag: etag.Strong(tx.Sequence()),
	}
	if err := tx.Put(byCreatorBucket, creatorKey(t.GetCreatedBy(), id), nil); err != nil {
		return nil, err
	}
	return t, put(tx, t)
}

// update changes the fields of a thread that paths name. A change that changes nothing
// writes nothing. It returns ErrNotFound or etag.ErrMismatch.
func update(tx *store.Tx, req *threadsv1.UpdateThreadRequest, paths []string, now *timestamppb.Timestamp) (*threadsv1.Thread, error) {
	t, err := get(tx.Bucket(threadsBucket), req.GetId())
	if err != nil {
		return nil, err
	}
	if err := etag.Guard(req.GetEtag(), t.GetEtag()); err != nil {
		return nil, err
	}
	if !fields.Copy(t, req.GetThread(), paths) {
		return t, nil
	}
	t.UpdateTime, t.Etag = now, etag.Strong(tx.Sequence())
	return t, put(tx, t)
}

func put(tx *store.Tx, t *threadsv1.Thread) error {
	value, err := proto.Marshal(t)
	if err != nil {
		return err
	}
	return tx.Put(threadsBucket, idKey(t.GetId()), value)
}
