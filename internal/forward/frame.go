package forward

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/idempotency"
)

// magic begins a connection. HTTP/2's begins with "PRI ".
const magic = "SBF1"

const (
	// maxCall is the largest frame with a call: 1 MiB of JSON as protobuf writes it, and
	// what goes with it.
	maxCall = 1<<20 + 128<<10
	// maxAnswer is the largest with an answer: a page ends after 2 MiB of resources.
	maxAnswer = 16 << 20
	// keptFrame is the largest buffer that is kept for the next frame.
	keptFrame = 64 << 10
	// headSize is how long a frame's size is.
	headSize = 4
)

// The fields of Call and Answer.
const (
	callID             = 1
	callMethod         = 2
	callTimeout        = 3
	callRequestID      = 4
	callIdempotencyKey = 5
	callRetryKey       = 6
	callMessage        = 7

	answerID      = 1
	answerMessage = 2
	answerStatus  = 3
)

// RetryKeyMetadata carries a call's retry key to its handler: the key of a write that has
// none of its client's. It is read of forwarded calls only.
const RetryKeyMetadata = "splitboard-retry-key-bin"

// A Call is what a client asked for.
type Call struct {
	// Method is the RPC's full name.
	Method string
	// Deadline is when the caller stops waiting. Zero: never.
	Deadline time.Time
	// RequestID names the client's request in logs.
	RequestID string
	// IdempotencyKey is the client's key, or "".
	IdempotencyKey string
	// RetryKey is the caller's, or nil.
	RetryKey []byte
	// Message is the request's wire bytes, where the call arrives. They may be read until
	// its handler returns.
	Message []byte

	id uint64
}

// Metadata gives what a handler shall find as the call's incoming metadata: its key, if it
// has one. It may be nil.
func (c *Call) Metadata() metadata.MD {
	if c.IdempotencyKey == "" && len(c.RetryKey) == 0 {
		return nil
	}
	md := make(metadata.MD, 1)
	if c.IdempotencyKey != "" {
		md[idempotency.Metadata] = []string{c.IdempotencyKey}
	}
	if len(c.RetryKey) > 0 {
		md[RetryKeyMetadata] = []string{string(c.RetryKey)}
	}
	return md
}

var (
	errTooLarge  = errors.New("a frame is too large")
	errMalformed = errors.New("a frame does not parse")
)

// appendCall appends the frame of a call with the request req, whose size proto.Size has
// just told.
func appendCall(b []byte, c *Call, now time.Time, req proto.Message, size int) ([]byte, error) {
	b, begin := beginFrame(b)
	b = protowire.AppendTag(b, callID, protowire.VarintType)
	b = protowire.AppendVarint(b, c.id)
	b = appendString(b, callMethod, c.Method)
	if !c.Deadline.IsZero() {
		micros := c.Deadline.Sub(now).Microseconds()
		if micros == 0 {
			micros = -1
		}
		b = protowire.AppendTag(b, callTimeout, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(micros)) //nolint:gosec // two's complement is what int64 is on the wire
	}
	b = appendString(b, callRequestID, c.RequestID)
	b = appendString(b, callIdempotencyKey, c.IdempotencyKey)
	if len(c.RetryKey) > 0 {
		b = protowire.AppendTag(b, callRetryKey, protowire.BytesType)
		b = protowire.AppendBytes(b, c.RetryKey)
	}
	b, err := appendMessage(b, callMessage, req, size)
	if err != nil {
		return nil, err
	}
	return endFrame(b, begin, maxCall)
}

// appendAnswer appends the frame of an answer that is a message.
func appendAnswer(b []byte, id uint64, resp proto.Message, size int) ([]byte, error) {
	return appendResult(b, id, answerMessage, resp, size)
}

// appendFailure appends the frame of an answer that is an error.
func appendFailure(b []byte, id uint64, status proto.Message) ([]byte, error) {
	return appendResult(b, id, answerStatus, status, proto.Size(status))
}

func appendResult(b []byte, id uint64, field protowire.Number, m proto.Message, size int) ([]byte, error) {
	b, begin := beginFrame(b)
	b = protowire.AppendTag(b, answerID, protowire.VarintType)
	b = protowire.AppendVarint(b, id)
	b, err := appendMessage(b, field, m, size)
	if err != nil {
		return nil, err
	}
	return endFrame(b, begin, maxAnswer)
}

// beginFrame leaves room for a frame's size.
func beginFrame(b []byte) (grown []byte, begin int) {
	return append(b, 0, 0, 0, 0), len(b)
}

// endFrame fills the size in.
func endFrame(b []byte, begin, limit int) ([]byte, error) {
	size := len(b) - begin - headSize
	if size > limit {
		return nil, errTooLarge
	}
	binary.BigEndian.PutUint32(b[begin:], uint32(size)) //nolint:gosec // at most limit
	return b, nil
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

// appendMessage marshals a message straight into the frame.
func appendMessage(b []byte, field protowire.Number, m proto.Message, size int) ([]byte, error) {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size)) //nolint:gosec // not negative
	before := len(b)
	b, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, m)
	if err != nil {
		return nil, err
	}
	if len(b)-before != size {
		return nil, fmt.Errorf("a %T was changed while it was sent", m)
	}
	return b, nil
}

// parseCall reads a call, whose message stays where it is. Fields that this version does
// not know are passed over.
func parseCall(b []byte, now time.Time) (c Call, err error) {
	var timeout int64
	err = eachField(b, func(field protowire.Number, number uint64, text []byte) bool {
		switch field {
		case callID:
			c.id = number
		case callTimeout:
			timeout = int64(number) //nolint:gosec // as above
		case -callMethod:
			c.Method = string(text)
			return utf8.Valid(text)
		case -callRequestID:
			c.RequestID = string(text)
			return utf8.Valid(text)
		case -callIdempotencyKey:
			c.IdempotencyKey = string(text)
			return utf8.Valid(text)
		case -callRetryKey:
			c.RetryKey = slices.Clone(text)
		case -callMessage:
			c.Message = text
		default: // another version's
		}
		return true
	})
	if timeout != 0 {
		const most = math.MaxInt64 / int64(time.Microsecond)
		c.Deadline = now.Add(time.Duration(max(-most, min(timeout, most))) * time.Microsecond)
	}
	return c, err
}

// An answer is what came of a call.
type answer struct {
	id     uint64
	failed bool
	wire   []byte // of the message or, if it failed, of the status
}

// parseAnswer reads an answer, whose bytes stay where they are.
func parseAnswer(b []byte) (a answer, err error) {
	answered := false
	err = eachField(b, func(field protowire.Number, number uint64, text []byte) bool {
		switch field {
		case answerID:
			a.id = number
		case -answerMessage, -answerStatus:
			a.failed, a.wire, answered = field == -answerStatus, text, true
		default: // another version's
		}
		return true
	})
	if err == nil && !answered {
		err = errMalformed
	}
	return a, err
}

// eachField calls f for every field that is a number, or under its negative number if it
// is bytes, and returns errMalformed if f says false or b is no message.
func eachField(b []byte, f func(field protowire.Number, number uint64, text []byte) bool) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 || field > protowire.MaxValidNumber {
			return errMalformed
		}
		b = b[n:]
		ok := true
		switch kind {
		case protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 {
				ok = f(field, v, nil)
			}
		case protowire.BytesType:
			var v []byte
			if v, n = protowire.ConsumeBytes(b); n >= 0 {
				ok = f(-field, 0, v)
			}
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 || !ok {
			return errMalformed
		}
		b = b[n:]
	}
	return nil
}

// A frame is the buffer of a frame that was read.
type frame struct{ buf []byte }

var frames = sync.Pool{New: func() any { return new(frame) }}

// free gives the buffer back. Nothing may refer to it any more.
func (f *frame) free() {
	if cap(f.buf) > keptFrame {
		return
	}
	frames.Put(f)
}

// readFrame reads a frame of at most limit bytes. At the end of the connection it returns
// io.EOF.
func readFrame(r *bufio.Reader, limit int) (*frame, error) {
	head, err := r.Peek(headSize)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head))
	if size > limit {
		return nil, fmt.Errorf("%w: %d bytes", errTooLarge, size)
	}
	_, _ = r.Discard(headSize) // they were there
	f := frames.Get().(*frame)
	f.buf = slices.Grow(f.buf[:0], size)[:size]
	if _, err := io.ReadFull(r, f.buf); err != nil {
		f.free()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return f, nil
}
