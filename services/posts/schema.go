package posts

import (
	"bytes"
	"encoding/binary"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/store"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// The service's buckets. Ids are 8 bytes big-endian.
var (
	// postsBucket maps an id to its splitboard.posts.v1.Post.
	postsBucket = []byte("posts")
	// inThreadBucket maps thread|id to the post itself, because a thread's posts are
	// what the board is asked for most: reading them is one walk.
	inThreadBucket = []byte("posts_in_thread")
	// byUserBucket maps user|id to nothing.
	byUserBucket = []byte("posts_by_user")
)

// Schema says what the service's file holds.
var Schema = store.Schema{
	Service: "posts",
	Version: 1,
	Buckets: []store.Bucket{
		{Name: postsBucket, Since: 1, Appended: true},
		{Name: inThreadBucket, Since: 1},
		{Name: byUserBucket, Since: 1},
	},
	Check: check,
}

func idKey(id int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(id)) //nolint:gosec // ids are positive
}

// pairKey is the key of a post among those of a thread or a user.
func pairKey(owner, id int64) []byte { return append(idKey(owner), idKey(id)...) }

// check reports every row that breaks an invariant: each post is readable, stands under
// its own id and within the limits, and is in its thread, as it is, and in its user's
// posts, each exactly once.
func check(tx *bbolt.Tx, report func(format string, args ...any)) error {
	posts, inThread, byUser := tx.Bucket(postsBucket), tx.Bucket(inThreadBucket), tx.Bucket(byUserBucket)
	count := 0
	err := posts.ForEach(func(k, v []byte) error {
		count++
		var p postsv1.Post
		if err := proto.Unmarshal(v, &p); err != nil {
			report("posts %x: %v", k, err)
			return nil
		}
		if string(k) != string(idKey(p.GetId())) {
			report("posts %x: holds the post with id %d", k, p.GetId())
		}
		if uint64(p.GetId()) > posts.Sequence() { //nolint:gosec // ids are positive
			report("posts %d: the last id given is %d", p.GetId(), posts.Sequence())
		}
		if err := validate(&p); err != nil {
			report("posts %d: %v", p.GetId(), err)
		}
		if !bytes.Equal(inThread.Get(pairKey(p.GetThread(), p.GetId())), v) {
			report("posts %d: posts_in_thread does not have the same under thread %d", p.GetId(), p.GetThread())
		}
		if byUser.Get(pairKey(p.GetUser(), p.GetId())) == nil {
			report("posts %d: posts_by_user does not have it under user %d", p.GetId(), p.GetUser())
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, index := range [][]byte{inThreadBucket, byUserBucket} {
		entries := 0
		err := tx.Bucket(index).ForEach(func(_, _ []byte) error {
			entries++
			return nil
		})
		if err != nil {
			return err
		}
		if entries != count {
			report("%s has %d entries for %d posts", index, entries, count)
		}
	}
	return nil
}
