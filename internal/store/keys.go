package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/failpoint"

	storev1 "github.com/splitboard/splitboard/gen/splitboard/store/v1"
)

const (
	// KeyLifetime is how long the answer to a client's idempotency key is kept.
	KeyLifetime = 24 * time.Hour
	// RetryKeyLifetime is how long it is kept if the key is a forwarder's. Nobody
	// holds a request so long.
	RetryKeyLifetime = time.Minute
)

type (
	keyContext      struct{}
	retryKeyContext struct{}
)

// WithIdempotencyKey returns a context under which Mutate remembers its answer by key.
// The key has been checked: 1 to 255 visible ASCII characters.
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyContext{}, key)
}

// WithRetryKey does the same with a key that a forwarder made, so that it can send the
// request again when it does not know whether it was answered. A client's key goes
// first. No client can send a request under another's retry key.
func WithRetryKey(ctx context.Context, key []byte) context.Context {
	return context.WithValue(ctx, retryKeyContext{}, key)
}

// keyed is a request under an idempotency key.
type keyed struct {
	key      []byte
	lifetime time.Duration
	method   string
	hash     []byte
}

// keyedOf gives the request's key, or nil if it has none.
func keyedOf(ctx context.Context, method string, request proto.Message) (*keyed, error) {
	if failpoint.Off(failpoint.Keys) {
		return nil, nil
	}
	k := &keyed{method: method}
	if key, ok := ctx.Value(keyContext{}).(string); ok {
		k.key, k.lifetime = []byte(key), KeyLifetime
	} else if key, ok := ctx.Value(retryKeyContext{}).([]byte); ok {
		// A client's key has no such byte.
		k.key, k.lifetime = append([]byte{0}, key...), RetryKeyLifetime
	} else {
		return nil, nil // no key is no error
	}
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(wire)
	k.hash = hash[:]
	return k, nil
}

// Answered looks up what the request was answered before, so that a retry of a
// committed write needs nothing but the store. It returns false if the request has no
// key or the key is unknown, and ErrKeyReused if it belongs to another request.
func Answered[T proto.Message](ctx context.Context, s *Store, method string, request proto.Message) (answer T, found bool, err error) {
	k, err := keyedOf(ctx, method, request)
	if k == nil || err != nil {
		return answer, false, err
	}
	into := answer.ProtoReflect().New().Interface()
	err = s.View(func(tx *bbolt.Tx) (err error) {
		found, err = k.lookup(tx.Bucket(keysBucket), into, s.opts.Now())
		return err
	})
	if err != nil || !found {
		return answer, false, err
	}
	answer, ok := into.(T)
	if !ok {
		return answer, false, fmt.Errorf("store: the answer is a %T, not a %T", into, answer)
	}
	s.answersFromKeys.Add(1)
	return answer, true, nil
}

// lookup reads the remembered answer into answer. It returns false if there is none
// that is still kept.
func (k *keyed) lookup(keys *bbolt.Bucket, answer proto.Message, now time.Time) (bool, error) {
	value := keys.Get(k.key)
	if value == nil {
		return false, nil
	}
	var record storev1.IdempotencyRecord
	if err := proto.Unmarshal(value, &record); err != nil {
		return false, fmt.Errorf("idempotency record: %w", err)
	}
	if !record.GetExpireTime().AsTime().After(now) {
		return false, nil
	}
	if record.GetMethod() != k.method || !bytes.Equal(record.GetRequestHash(), k.hash) {
		return false, ErrKeyReused
	}
	return true, proto.Unmarshal(record.GetAnswer(), answer)
}

// record remembers the answer. A record that has expired and not been swept yet gives
// way.
func (k *keyed) record(tx *Tx, answer proto.Message, now time.Time) error {
	if err := dropKey(tx, k.key); err != nil {
		return err
	}
	wire, err := proto.Marshal(answer)
	if err != nil {
		return err
	}
	expiry := now.Add(k.lifetime)
	value, err := proto.Marshal(&storev1.IdempotencyRecord{
		Method: k.method, RequestHash: k.hash, Answer: wire, ExpireTime: timestamppb.New(expiry),
	})
	if err != nil {
		return err
	}
	if err := tx.Put(keysBucket, k.key, value); err != nil {
		return err
	}
	return tx.Put(keysByExpiryBucket, expiryKey(expiry, k.key), nil)
}

// dropKey forgets a key, if it is known.
func dropKey(tx *Tx, key []byte) error {
	value := tx.Get(keysBucket, key)
	if value == nil {
		return nil
	}
	var record storev1.IdempotencyRecord
	if err := proto.Unmarshal(value, &record); err != nil {
		return fmt.Errorf("idempotency record: %w", err)
	}
	if err := tx.Delete(keysByExpiryBucket, expiryKey(record.GetExpireTime().AsTime(), key)); err != nil {
		return err
	}
	return tx.Delete(keysBucket, key)
}

// sweepKeys forgets at most limit keys that have expired, oldest first. Taking more a
// batch than a batch can add, it keeps up.
func sweepKeys(tx *Tx, now time.Time, limit int) error {
	tx.begin()
	var expired [][]byte
	end := expiryKey(now, nil)
	c := tx.Bucket(keysByExpiryBucket).Cursor()
	for k, _ := c.First(); k != nil && len(expired) < limit && bytes.Compare(k[:len(end)], end) <= 0; k, _ = c.Next() {
		expired = append(expired, k) // deleting while the cursor moves would skip rows
	}
	for _, k := range expired {
		if err := tx.Delete(keysByExpiryBucket, k); err != nil {
			return err
		}
		if err := tx.Delete(keysBucket, k[len(end):]); err != nil {
			return err
		}
	}
	return nil
}

func expiryKey(expiry time.Time, key []byte) []byte {
	return append(be(uint64(expiry.UnixNano())), key...)
}
