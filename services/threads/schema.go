package threads

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/store"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
)

// The service's buckets. Ids are 8 bytes big-endian.
var (
	// threadsBucket maps an id to its splitboard.threads.v1.Thread.
	threadsBucket = []byte("threads")
	// byCreatorBucket maps creator|id to nothing.
	byCreatorBucket = []byte("threads_by_creator")
)

// Schema says what the service's file holds.
var Schema = store.Schema{
	Service: "threads",
	Version: 1,
	Buckets: []store.Bucket{
		{Name: threadsBucket, Since: 1, Appended: true},
		{Name: byCreatorBucket, Since: 1},
	},
	Check: check,
}

func idKey(id int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(id)) //nolint:gosec // ids are positive
}

func creatorKey(creator, id int64) []byte { return append(idKey(creator), idKey(id)...) }

// check reports every row that breaks an invariant: each thread is readable, stands under
// its own id and within the limits, and has exactly one entry by creator.
func check(tx *bbolt.Tx, report func(format string, args ...any)) error {
	threads, byCreator := tx.Bucket(threadsBucket), tx.Bucket(byCreatorBucket)
	count, entries := 0, 0
	err := threads.ForEach(func(k, v []byte) error {
		count++
		var t threadsv1.Thread
		if err := proto.Unmarshal(v, &t); err != nil {
			report("threads %x: %v", k, err)
			return nil
		}
		if string(k) != string(idKey(t.GetId())) {
			report("threads %x: holds the thread with id %d", k, t.GetId())
		}
		if uint64(t.GetId()) > threads.Sequence() { //nolint:gosec // ids are positive
			report("threads %d: the last id given is %d", t.GetId(), threads.Sequence())
		}
		if err := validate(&t); err != nil {
			report("threads %d: %v", t.GetId(), err)
		}
		if byCreator.Get(creatorKey(t.GetCreatedBy(), t.GetId())) == nil {
			report("threads %d: threads_by_creator does not have it under %d", t.GetId(), t.GetCreatedBy())
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = byCreator.ForEach(func(_, _ []byte) error {
		entries++
		return nil
	})
	if entries != count {
		report("threads_by_creator has %d entries for %d threads", entries, count)
	}
	return err
}
